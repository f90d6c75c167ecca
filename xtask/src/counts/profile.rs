//! What callgrind wrote: instructions, by function, and how often memory was asked for.

use std::collections::HashMap;

use crate::process::Outcome;

/// One run of a scenario, or what one call of it costs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Profile {
    pub(crate) instructions: f64,
    pub(crate) allocations: f64,
    /// Instructions of each function by itself, without what it calls.
    pub(crate) functions: Shares,
    /// Who asked Rust's allocator, and how often.
    pub(crate) askers: Shares,
}

/// What each function has of a figure.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Shares(HashMap<String, f64>);

/// What asks for memory: Rust's allocator calls nothing else.
const ALLOCATORS: [&str; 5] = ["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"];

/// By what Rust's allocator is asked.
const DOORS: [&str; 3] =
    ["__rustc::__rust_alloc", "__rustc::__rust_alloc_zeroed", "__rustc::__rust_realloc"];

impl Profile {
    /// Reads the file: <https://valgrind.org/docs/manual/cl-format.html>.
    ///
    /// An error if what was read doesn't add up to what the file says.
    pub(crate) fn parse(text: &str) -> Outcome<Profile> {
        let mut profile = Profile::default();
        // A name stands where its number comes up first: `fn=(7) malloc`, later `cfn=(7)`.
        let mut names: HashMap<&str, &str> = HashMap::new();
        let (mut function, mut called) = ("", "");
        let (mut is_call, mut totals) = (false, 0.0);
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("fn=") {
                function = resolve(&mut names, name);
            } else if let Some(name) = line.strip_prefix("cfn=") {
                called = resolve(&mut names, name);
            } else if let Some(call) = line.strip_prefix("calls=") {
                is_call = true;
                let calls = number(call.split_whitespace().next());
                if ALLOCATORS.contains(&called) && !ALLOCATORS.contains(&function) {
                    profile.allocations += calls;
                } else if DOORS.contains(&called) {
                    profile.askers.add(function, calls);
                }
            } else if let Some(total) = line.strip_prefix("totals: ") {
                totals = number(Some(total));
            } else if line.starts_with(|c: char| c.is_ascii_digit() || "+-*".contains(c)) {
                // The line after `calls=` is what was spent in the called function.
                if !std::mem::take(&mut is_call) {
                    let cost = number(line.split_whitespace().nth(1));
                    profile.instructions += cost;
                    profile.functions.add(function, cost);
                }
            }
        }
        // Whole numbers, far from where they lose their last digits.
        if totals == 0.0 || totals != profile.instructions {
            let read = profile.instructions;
            return Err(format!("callgrind counted {totals} instructions, {read} were found"));
        }
        Ok(profile)
    }

    /// What one call costs: the difference between a run and one of so many calls more. Start and stop fall out of it.
    pub(crate) fn per_call(short: &Profile, long: &Profile, calls: f64) -> Profile {
        Profile {
            instructions: (long.instructions - short.instructions) / calls,
            allocations: (long.allocations - short.allocations) / calls,
            functions: Shares::per_call(&short.functions, &long.functions, calls),
            askers: Shares::per_call(&short.askers, &long.askers, calls),
        }
    }
}

impl Shares {
    fn add(&mut self, function: &str, share: f64) {
        *self.0.entry(function.to_owned()).or_default() += share;
    }

    fn per_call(short: &Shares, long: &Shares, calls: f64) -> Shares {
        let before = |name: &String| short.0.get(name).copied().unwrap_or_default();
        let shares = long.0.iter();
        Shares(shares.map(|(name, share)| (name.clone(), (share - before(name)) / calls)).collect())
    }

    /// The largest ones, the first one first.
    pub(crate) fn top(&self, count: usize) -> Vec<(&str, f64)> {
        let mut functions: Vec<_> = self.0.iter().map(|(k, v)| (&**k, *v)).collect();
        functions.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
        functions.truncate(count);
        functions
    }
}

fn resolve<'a>(names: &mut HashMap<&'a str, &'a str>, name: &'a str) -> &'a str {
    match name.split_once(' ') {
        Some((number, name)) => {
            names.insert(number, name);
            name
        }
        None => names.get(name).copied().unwrap_or(name),
    }
}

fn number(word: Option<&str>) -> f64 {
    word.and_then(|word| word.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# callgrind format
version: 1
positions: line
events: Ir
summary: 1570

ob=(1) /bin/program
fl=(1) main.rs
fn=(1) main
10 100
+2 50
cob=(2) /lib/libc.so
cfi=(2) malloc.c
cfn=(2) malloc
calls=3 200
+1 900
* 20
cfn=(3) other
calls=7 1
15 530

fl=(2)
fn=(2)
200 800
cfn=(4) _int_malloc
calls=3 1
+1 100
fn=(4)
1 100
fn=(3)
1 300
fi=(3) inlined.rs
-4 200
cfn=(2)
calls=1 200
* 30
totals: 1570
";

    #[test]
    fn costs_are_those_of_the_function_itself() {
        let profile = Profile::parse(FILE).unwrap();
        let top = [("malloc", 800.0), ("other", 500.0), ("main", 170.0), ("_int_malloc", 100.0)];
        assert_eq!(profile.functions.top(9), top);
        assert_eq!(profile.instructions, 1570.0);
    }

    #[test]
    fn allocations_are_calls_from_outside_of_the_allocator() {
        assert_eq!(Profile::parse(FILE).unwrap().allocations, 4.0);
        let inner = FILE.replace("_int_malloc", "calloc");
        assert_eq!(Profile::parse(&inner).unwrap().allocations, 4.0);
    }

    #[test]
    fn whoever_asks_for_memory_is_known() {
        let file = FILE.replace(" other", " __rustc::__rust_alloc");
        assert_eq!(Profile::parse(&file).unwrap().askers.top(2), [("main", 7.0)]);
    }

    #[test]
    fn what_doesnt_add_up_is_no_profile() {
        let broken = FILE.replace("totals: 1570", "totals: 1571");
        let error = Profile::parse(&broken).unwrap_err();
        assert_eq!(error, "callgrind counted 1571 instructions, 1570 were found");
        assert!(Profile::parse("").is_err());
    }

    #[test]
    fn what_both_runs_spend_falls_out() {
        let of = |instructions, allocations, work| Profile {
            instructions,
            allocations,
            functions: Shares([("start".to_owned(), 100.0), ("work".to_owned(), work)].into()),
            askers: Shares::default(),
        };
        let one = Profile::per_call(&of(1100.0, 30.0, 1000.0), &of(2100.0, 50.0, 2000.0), 10.0);
        assert_eq!((one.instructions, one.allocations), (100.0, 2.0));
        assert_eq!(one.functions.top(1), [("work", 100.0)]);
    }
}
