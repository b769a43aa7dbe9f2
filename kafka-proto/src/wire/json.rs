//! Messages from and to JSON.
