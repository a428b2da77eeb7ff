//! Files of records: lines of JSON, and columns.

use brisk_client::{
    Delayed, Elem, Json, Value,
    graph::{Slot, TaskDef, TaskItem},
    task,
};

use super::{Bag, read::ReadText};
use crate::foundation::CollectionError;

/// A type whose values are read from lines of JSON and from columns, and written as JSON: what [`record!`](crate::record!) makes of a
/// type with serde's `Serialize` and `Deserialize`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not known as a record",
    label = "the workers have no functions that read and write it",
    note = "write `brisk_collections::record!({Self});` beside the type"
)]
pub trait Record: Value {
    /// Reads one from a line of JSON.
    #[doc(hidden)]
    const FROM_JSON: &'static TaskDef;
    /// Writes one as a line of JSON.
    #[doc(hidden)]
    const TO_JSON: &'static TaskDef;
    /// Reads one from a record in columns, and the names of those.
    #[doc(hidden)]
    const FROM_CSV: &'static TaskDef;
}

/// Makes records of types that have serde's `Serialize` and `Deserialize`: workers then have the functions that read and write
/// them.
///
/// ```
/// #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
/// struct Account {
///     name: String,
///     balance: i64,
/// }
///
/// brisk_collections::record!(Account);
/// ```
#[macro_export]
macro_rules! record {
    ($($type:ty),+ $(,)?) => {$(
        const _: () = {
            #[::brisk_client::task]
            fn from_json(line: &str) -> ::core::result::Result<$type, ::std::string::String> {
                $crate::bag::private::from_json(line)
            }

            #[::brisk_client::task]
            fn to_json(record: &$type) -> ::core::result::Result<::std::string::String, ::std::string::String> {
                $crate::bag::private::to_json(record)
            }

            #[::brisk_client::task]
            fn from_csv(record: &str, header: &str) -> ::core::result::Result<$type, ::std::string::String> {
                $crate::bag::private::from_csv(record, header)
            }

            impl $crate::bag::Record for $type {
                const FROM_JSON: &'static ::brisk_client::graph::TaskDef =
                    <from_json as ::brisk_client::graph::TaskItem>::DEF;
                const TO_JSON: &'static ::brisk_client::graph::TaskDef =
                    <to_json as ::brisk_client::graph::TaskItem>::DEF;
                const FROM_CSV: &'static ::brisk_client::graph::TaskDef =
                    <from_csv as ::brisk_client::graph::TaskItem>::DEF;
            }
        };
    )+};
}

/// JSON of any kind.
impl Record for Json<serde_json::Value> {
    const FROM_JSON: &'static TaskDef = <any_from_json as TaskItem>::DEF;
    const TO_JSON: &'static TaskDef = <any_to_json as TaskItem>::DEF;
    const FROM_CSV: &'static TaskDef = <any_from_csv as TaskItem>::DEF;
}

#[task(name = "from_json")]
fn any_from_json(line: &str) -> Result<Json<serde_json::Value>, String> {
    private::from_json(line).map(Json)
}

#[task(name = "to_json")]
fn any_to_json(record: &Json<serde_json::Value>) -> Result<String, String> {
    private::to_json(&record.0)
}

/// An object with the columns' names and texts.
#[task(name = "from_csv")]
fn any_from_csv(record: &str, header: &str) -> Result<Json<serde_json::Value>, String> {
    let columns: std::collections::BTreeMap<String, String> = private::from_csv(record, header)?;
    Ok(Json(columns.into_iter().map(|(name, text)| (name, serde_json::Value::String(text))).collect()))
}

/// What the lines of files say in JSON, one value a line. The files are as [`read_text`](super::read_text) takes them. A line that is
/// no `T` fails its partition by file and line, unless [`Bag::on_error`] says otherwise.
///
/// ```no_run
/// # #[derive(serde::Serialize, serde::Deserialize)] struct Account;
/// # brisk_collections::record!(Account);
/// # fn main() -> Result<(), brisk_collections::CollectionError> {
/// use brisk_collections::bag::{self, OnError};
/// let accounts = bag::read_json::<Account>("data/accounts.*.json.gz")?.on_error(OnError::Skip);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`read_text`](super::read_text).
pub fn read_json<T: Record>(pattern: &str) -> Result<Bag<T>, CollectionError> {
    ReadText::default().open_json(pattern)
}

/// The records of files in columns, whose first line names them. Each file is one partition, since only from its beginning can be
/// told which line ends are within quotes; all have the same columns.
///
/// # Errors
/// As [`read_text`](super::read_text).
#[cfg(feature = "csv")]
pub fn read_csv<T: Record>(pattern: &str) -> Result<Bag<T>, CollectionError> {
    use super::{
        files,
        plan::FeedPlan,
        read::{matching, whole},
    };
    use brisk_client::graph::{Datum, Item};
    use std::io::BufRead;

    let paths = matching(pattern)?;
    let mut header = String::new();
    if let Some(path) = paths.first() {
        let io = |error| CollectionError::Io { path: path.clone(), error };
        let mut first = files::open(&path.to_string_lossy()).map_err(io)?;
        first.read_line(&mut header).map_err(io)?;
        header.truncate(header.trim_end_matches(['\r', '\n']).len());
    }
    let mut sources = Vec::with_capacity(paths.len());
    for path in &paths {
        let piece = files::Piece { header: Some(header.clone()), ..whole(path)? };
        sources.push(vec![Item::Inline(Datum::new(piece))]);
    }
    let records: Bag<String> = Bag::of_sources(FeedPlan::Records, sources, "read_csv");
    Ok(records.map(|record: Elem<String>| {
        let header = Slot::One(Item::Inline(Datum::new(header)));
        Delayed::<T>::call(T::FROM_CSV, [brisk_client::Arg::slot(record), header])
    }))
}

impl ReadText {
    /// What the lines of files say in JSON: see [`read_json`].
    ///
    /// # Errors
    /// As there.
    pub fn open_json<T: Record>(&self, pattern: &str) -> Result<Bag<T>, CollectionError> {
        let parse = |line: Elem<String>| Delayed::<T>::call(T::FROM_JSON, [brisk_client::Arg::slot(line)]);
        Ok(self.open(pattern)?.map(parse))
    }
}

/// What [`record!`](crate::record!) expands to. Not for people.
#[doc(hidden)]
pub mod private {
    use serde::{Serialize, de::DeserializeOwned};

    /// A value from a line of JSON.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn from_json<T: DeserializeOwned>(line: &str) -> Result<T, String> {
        crate::bag::json::from_str(line).map_err(|error| {
            let text = error.to_string();
            format!("no JSON of a {}: {}", std::any::type_name::<T>(), text.replace(" at line 1 column", " at column"))
        })
    }

    /// A value as a line of JSON.
    ///
    /// # Errors
    /// If its `Serialize` refuses.
    pub fn to_json<T: Serialize>(value: &T) -> Result<String, String> {
        serde_json::to_string(value).map_err(|error| error.to_string())
    }

    /// A value from a record in columns.
    ///
    /// # Errors
    /// What is wrong with it.
    #[cfg(feature = "csv")]
    pub fn from_csv<T: DeserializeOwned>(record: &str, header: &str) -> Result<T, String> {
        use std::cell::RefCell;

        thread_local! {
            /// The names of columns that were taken apart last: the same for all records of a file.
            static HEADER: RefCell<(String, csv::StringRecord)> = RefCell::default();
        }
        HEADER.with_borrow_mut(|(text, names)| {
            if text != header {
                *names = columns(header)?;
                header.clone_into(text);
            }
            columns(record)?.deserialize(Some(names)).map_err(|error| told::<T>(&error))
        })
    }

    #[cfg(feature = "csv")]
    fn columns(record: &str) -> Result<csv::StringRecord, String> {
        let mut builder = csv::ReaderBuilder::new();
        builder.has_headers(false).flexible(true).buffer_capacity(record.len().max(16));
        let mut columns = csv::StringRecord::new();
        builder.from_reader(record.as_bytes()).read_record(&mut columns).map_err(|error| error.to_string())?;
        Ok(columns)
    }

    #[cfg(feature = "csv")]
    fn told<T>(error: &csv::Error) -> String {
        let what = match error.kind() {
            csv::ErrorKind::Deserialize { err, .. } => err.to_string(),
            _ => error.to_string(),
        };
        format!("no record of a {}: {what}", std::any::type_name::<T>())
    }

    /// A value from a record in columns.
    ///
    /// # Errors
    /// Always: nothing reads them in this build.
    #[cfg(not(feature = "csv"))]
    pub fn from_csv<T: DeserializeOwned>(_: &str, _: &str) -> Result<T, String> {
        Err("brisk-collections was built without its feature `csv`".to_owned())
    }
}
