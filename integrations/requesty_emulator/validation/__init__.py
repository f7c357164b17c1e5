"""The strict reading of requests; every refusal names the field.

Here belong checks that raise the gateway's 400. They read, they never rewrite and never answer.
"""
