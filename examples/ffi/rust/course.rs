//! FACTSTR from Rust, by its C interface: course [DATABASE]
//!
//!     rustc course.rs -l factstr

use std::ffi::{c_char, CStr, CString};
use std::{env, process, ptr, slice};

#[repr(C)]
struct Buffer {
    data: *mut c_char,
    len: usize,
}

extern "C" {
    fn factstr_status_name(status: i32) -> *const c_char;
    fn factstr_buffer_free(buffer: *mut Buffer);
    fn factstr_sqlite_open(path: *const c_char, options: *const u8, options_len: usize, store: *mut u64, error: *mut Buffer) -> i32;
    fn factstr_store_close(store: u64, error: *mut Buffer) -> i32;
    fn factstr_query(store: u64, query: *const u8, query_len: usize, out: *mut Buffer) -> i32;
    fn factstr_append_if(store: u64, events: *const u8, events_len: usize, query: *const u8, query_len: usize, expected: *const u64, out: *mut Buffer) -> i32;
}

const CONFLICT: i32 = 11;

/// Makes a call and takes its text: the result, or the status with the error.
fn call(call: impl FnOnce(*mut Buffer) -> i32) -> Result<String, (i32, String)> {
    let mut buffer = Buffer { data: ptr::null_mut(), len: 0 };
    let status = call(&mut buffer);
    // SAFETY: the library has set the buffer, and the text is its until it is freed.
    let text = unsafe {
        let bytes = if buffer.data.is_null() { &[][..] } else { slice::from_raw_parts(buffer.data.cast(), buffer.len) };
        let text = String::from_utf8_lossy(bytes).into_owned();
        factstr_buffer_free(&mut buffer);
        text
    };
    if status == 0 { Ok(text) } else { Err((status, text)) }
}

struct Store(u64);

impl Store {
    fn open(path: &str) -> Result<Store, (i32, String)> {
        let (path, mut store) = (CString::new(path).expect("a path without NUL"), 0);
        call(|error| unsafe { factstr_sqlite_open(path.as_ptr(), ptr::null(), 0, &mut store, error) })?;
        Ok(Store(store))
    }
    fn query(&self, query: &str) -> Result<String, (i32, String)> {
        call(|out| unsafe { factstr_query(self.0, query.as_ptr(), query.len(), out) })
    }
    fn append_if(&self, events: &str, query: &str, expected: Option<u64>) -> Result<String, (i32, String)> {
        let expected = expected.as_ref().map_or(ptr::null(), |n| n as *const u64);
        call(|out| unsafe { factstr_append_if(self.0, events.as_ptr(), events.len(), query.as_ptr(), query.len(), expected, out) })
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        unsafe { factstr_store_close(self.0, ptr::null_mut()) };
    }
}

/// A course takes two students, and each of them once, whoever else enrols meanwhile.
fn enrol(store: &Store, student: &str) -> Result<&'static str, (i32, String)> {
    let seats = r#"{"filters":[{"event_types":["Enrolled"],"payload_predicates":[{"course":"go"}]}]}"#;
    loop {
        let seen = store.query(seats)?;
        if seen.contains(&format!(r#""student":"{student}""#)) {
            return Ok("is in already");
        }
        if seen.matches(r#""event_type":"Enrolled""#).count() >= 2 {
            return Ok("finds the course full");
        }
        // Enough for this text; use a JSON library in a program of your own.
        let version = seen.rsplit(r#""current_context_version":"#).next().and_then(|v| v.trim_end_matches('}').parse().ok());
        let events = format!(r#"[{{"event_type":"Enrolled","payload":{{"course":"go","student":"{student}"}}}}]"#);
        match store.append_if(&events, seats, version) {
            Ok(_) => return Ok("is enrolled"),
            Err((CONFLICT, _)) => continue, // others were faster: look again
            Err(error) => return Err(error),
        }
    }
}

fn run() -> Result<(), (i32, String)> {
    let store = Store::open(&env::args().nth(1).unwrap_or_else(|| "course.db".into()))?;
    for student in ["Ada", "Ben", "Ben", "Cleo"] {
        println!("{student} {}", enrol(&store, student)?);
    }
    Ok(())
}

fn main() {
    if let Err((status, text)) = run() {
        // SAFETY: the name is static text.
        eprintln!("{} {text}", unsafe { CStr::from_ptr(factstr_status_name(status)) }.to_string_lossy());
        process::exit(1);
    }
}
