//! Bytes in, outcome out; and the loops around the journal.
