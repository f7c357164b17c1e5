"""The page that shows the requests of an emulator: what is read from its log, and how it is sent to a browser.

``reading`` says what a prompt and an answer say in each of the gateway's formats, ``view`` makes objects for JSON of a
request, both without IO; ``site`` serves them, a stream of changes, and the files in ``static``. Nothing leaves a
request but through ``view``, which takes keys out.
"""
