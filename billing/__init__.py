"""What is owed and why: ledger, transactions, payment terms, taxes, invoices."""
