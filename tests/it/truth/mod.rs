//! Every report must be true. One file for each kind of false report of the past.

mod claims;
mod drift;
mod evidence;
mod guards;
mod identity;
mod refusals;
mod shares;
mod store;
mod table;
mod told;
mod watching;
