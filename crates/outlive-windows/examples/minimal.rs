//! Does nothing, or, with an argument, nothing until its standard input is at its end: what any
//! program takes.

fn main() {
    if std::env::args_os().len() > 1 {
        let mut nothing = String::new();
        // It is over in any case.
        let _ = std::io::stdin().read_line(&mut nothing);
    }
}
