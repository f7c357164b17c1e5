"""``requesty-adapters verify``: the wire contract against a gateway, fact by fact.

``asks`` are the requests, ``facts`` the rows that read their answers, ``looks`` what a row can demand, ``run`` performs
within a budget, ``report`` tells. Requests are made with plain httpx: the client of this project is not trusted here,
because it bears what it should reveal.
"""
