//! Random histories of calls against a model of the ledger.
