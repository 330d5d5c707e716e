//! What is said must be what is so. One file for each kind of lie that was ever told.

mod claims;
mod drift;
mod evidence;
mod guards;
mod identity;
mod shares;
mod store;
mod watching;
