mod errors;
mod probing;
mod reading;
mod writing;
