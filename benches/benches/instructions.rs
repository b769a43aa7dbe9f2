//! Does one of the cases a number of times, for `.ci/instructions`, which counts what that takes.
//!
//! `instructions CASE TIMES`; without arguments it names the cases.

use benches::cases;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let mut cases = cases::all();
    match words.as_slice() {
        [name, times] => {
            let case = cases.iter_mut().find(|case| case.name == name);
            let (Some(case), Ok(times)) = (case, times.parse::<u32>()) else {
                eprintln!("no case {name:?}, or {times:?} is no number");
                std::process::exit(2);
            };
            (0..times).for_each(|_| (case.run)());
        }
        _ => cases.iter().for_each(|case| println!("{}", case.name)),
    }
}
