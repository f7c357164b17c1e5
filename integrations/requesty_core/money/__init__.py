"""Tokens and money: the usage of a call, ledgers that add it up, budgets that limit it."""
