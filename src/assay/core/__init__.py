"""The nouns: evidence, findings, rules, reports, the ledger, units, errors. Standard library only."""
