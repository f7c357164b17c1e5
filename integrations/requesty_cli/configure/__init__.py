"""``configure``: settings that point other applications at the gateway.

``applications`` says, purely, what an application wants to be told and where; ``settings`` puts that into the data a
file holds; ``formats`` makes the text of the file agree, touching nothing else; ``files`` does the IO; ``command``
prints.
"""
