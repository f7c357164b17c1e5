"""Requests made by another client library, carried out with the promises of this one."""
