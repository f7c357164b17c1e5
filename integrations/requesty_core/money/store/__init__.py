"""A ledger that lasts: where it is, what stands in it, how it is written, and how it is read.

Theory of operation. What a call booked must survive the process that booked it, and a call must not wait for a
database. So an entry goes into a journal first: one line, appended to a file with one system call, which the operating
system keeps when the process is killed. A thread carries the lines into the database half a second later, many in one
transaction, and empties the journal. Each entry has an id and is written once, however often it is tried. While the
database cannot be written the journal grows, and no call notices. A journal whose process has died is carried over by
whoever opens the store next, or reads from it.
"""
