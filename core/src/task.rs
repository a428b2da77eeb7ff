//! Task functions as a worker sees them: a name, and a trampoline from erased inputs to an erased result.

use std::{fmt, future::Future, pin::Pin, sync::Arc, sync::OnceLock};

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{
    error::{ErrorKind, Failure},
    function::{FunctionId, FunctionInfo, Identity},
    key::Key,
    options::Defaults,
    show::ShowFn,
    value::{Datum, Lent, Value},
};

mod block;
mod container;
mod guise;
mod texts;

pub use block::{Block, BlockFn, Giving, Lending, LendingText, SameFn, Sharing, Source};
pub(crate) use block::{own, own_items};
pub use container::Container;
pub use texts::Texts;

/// What `#[task]` makes of a function. There is one static of these per function, or per instance of a generic one.
pub struct TaskDef {
    /// Which function it is.
    pub identity: Identity,
    /// The parameters' names, in order.
    pub parameters: &'static [&'static str],
    /// How each argument is shown when a call has failed; empty if that is not known.
    pub shows: &'static [ShowFn],
    /// Runs the function.
    pub call: fn(Inputs) -> Ran,
    /// What the attribute says of every call.
    pub defaults: Defaults,
    /// Whether it is an `async fn`: it runs without holding a thread.
    pub is_async: bool,
    /// Makes many calls in one task, if that can be done.
    pub block: Option<BlockFn>,
    /// Of a function that is shown under another name: the one that workers know.
    behind: Option<&'static TaskDef>,
    info: OnceLock<FunctionInfo>,
}

impl TaskDef {
    /// Describes a function. Made by the macro; `const`, so that it can be a static.
    pub const fn new(
        identity: Identity,
        parameters: &'static [&'static str],
        call: fn(Inputs) -> Ran,
        defaults: Defaults,
    ) -> Self {
        TaskDef {
            identity,
            parameters,
            shows: &[],
            call,
            defaults,
            is_async: false,
            block: None,
            behind: None,
            info: OnceLock::new(),
        }
    }

    /// The same with ways to show the arguments, one for each parameter.
    #[must_use]
    pub const fn showing(mut self, shows: &'static [ShowFn]) -> Self {
        self.shows = shows;
        self
    }

    /// The same for an `async fn`.
    #[must_use]
    pub const fn asynchronous(mut self) -> Self {
        self.is_async = true;
        self
    }

    /// The same with a way to make many calls in one task.
    #[must_use]
    pub const fn with_block(mut self, block: BlockFn) -> Self {
        self.block = Some(block);
        self
    }

    /// The same function, shown to people under another name: it is measured, counted and drawn apart from others that
    /// run the same code, as `sum-tree` and `map-filter` are. The same for equal names. A program may make up to
    /// 10,000 of these; beyond that the function keeps its own name.
    pub fn named(&'static self, name: &str) -> &'static TaskDef {
        guise::of(self, name)
    }

    /// What workers know the function by: of one that was [`named`](TaskDef::named) otherwise, the one behind.
    pub fn registered(&'static self) -> &'static TaskDef {
        self.behind.unwrap_or(self)
    }

    /// The function's id, hashed on first use.
    pub fn id(&self) -> FunctionId {
        self.info().id
    }

    /// What people are shown, made on first use.
    pub fn info(&self) -> &FunctionInfo {
        self.info.get_or_init(|| FunctionInfo { is_async: self.is_async, ..self.identity.info() })
    }
}

impl fmt::Debug for TaskDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskDef({} at {}:{})", self.identity.name, self.identity.file, self.identity.line)
    }
}

/// A type that stands for a task function: the twin that `#[task]` puts into the type namespace.
pub trait TaskItem {
    /// The function's definition.
    const DEF: &'static TaskDef;
}

/// What a trampoline returns: the outcome, or for an `async fn` the future of it.
pub enum Ran {
    /// The function returned.
    Done(Result<Datum, Box<Failure>>),
    /// The function goes on asynchronously, without a thread of its own.
    Future(Pin<Box<dyn Future<Output = Result<Datum, Box<Failure>>> + Send>>),
}

/// The arguments of one call, with every key replaced by its value.
#[derive(Debug)]
pub struct Inputs(SmallVec<[Input; 2]>);

/// One argument.
#[derive(Clone, Debug)]
pub enum Input {
    /// One value.
    One(Datum),
    /// The parts of a list or of another [`Container`], given one by one.
    List(Vec<Datum>),
}

impl Inputs {
    /// Arguments in the order of the parameters.
    pub fn new(inputs: impl IntoIterator<Item = Input>) -> Self {
        Inputs(inputs.into_iter().collect())
    }

    /// Argument `index`, shared.
    ///
    /// # Errors
    /// If it is missing, of another type, or does not decode.
    pub fn shared<T: Value>(&self, index: usize) -> Result<Arc<T>, Box<Failure>> {
        match self.get(index)? {
            Input::One(datum) => datum.shared().map_err(|e| argument(index, e)),
            Input::List(_) => Err(argument(index, "a list was given where one value is wanted")),
        }
    }

    /// Argument `index`, one value, without asking for its type.
    ///
    /// # Errors
    /// If it is missing, or a list.
    pub(crate) fn datum(&self, index: usize) -> Result<&Datum, Box<Failure>> {
        match self.get(index)? {
            Input::One(datum) => Ok(datum),
            Input::List(_) => Err(argument(index, "a list was given where one value is wanted")),
        }
    }

    /// Argument `index` without asking for types: the parts of a list, or the one value. It can be had once.
    ///
    /// # Errors
    /// If it is missing.
    pub fn data(&mut self, index: usize) -> Result<Vec<Datum>, Box<Failure>> {
        Ok(match self.take(index)? {
            Input::One(datum) => vec![datum],
            Input::List(parts) => parts,
        })
    }

    /// Argument `index`, a container: moved if it is one value that nobody else holds, else copied; put together if its
    /// parts were given one by one. It can be had once.
    ///
    /// # Errors
    /// As [`Inputs::shared`].
    pub fn owned_container<C: Container>(&mut self, index: usize) -> Result<C, Box<Failure>> {
        match self.take(index)? {
            Input::One(datum) => datum.into_value().map_err(|e| argument(index, e)),
            Input::List(parts) => C::of_parts(parts).map_err(|e| argument(index, e)),
        }
    }

    /// Argument `index`, a container, shared: not copied if it is one value, put together if its parts were given one by
    /// one. It can be had once.
    ///
    /// # Errors
    /// As [`Inputs::shared`].
    pub fn shared_container<C: Container>(&mut self, index: usize) -> Result<Arc<C>, Box<Failure>> {
        match self.take(index)? {
            Input::One(datum) => datum.shared().map_err(|e| argument(index, e)),
            Input::List(parts) => C::of_parts(parts).map(Arc::new).map_err(|e| argument(index, e)),
        }
    }

    /// Argument `index` as a list of values, each cloned if the list is of futures.
    ///
    /// # Errors
    /// As [`Inputs::shared`].
    pub fn list<T: Value + Clone>(&self, index: usize) -> Result<Arc<Vec<T>>, Box<Failure>> {
        match self.get(index)? {
            Input::One(datum) => datum.shared().map_err(|e| argument(index, e)),
            Input::List(items) => {
                let values = items.iter().map(|item| item.shared::<T>().map(|shared| (*shared).clone()));
                Ok(Arc::new(values.collect::<Result<_, _>>().map_err(|e| argument(index, e))?))
            }
        }
    }

    /// Argument `index` as a slice. One value is not copied; a list of futures is, element by element.
    ///
    /// # Errors
    /// As [`Inputs::shared`].
    pub fn slice<T: Value + Clone>(&self, index: usize) -> Result<Lent<T>, Box<Failure>> {
        match self.get(index)? {
            Input::One(datum) => datum.slice().map_err(|e| argument(index, e)),
            Input::List(_) => self.list(index).map(Lent::from),
        }
    }

    /// Argument `index` as a list of shared values; none is copied if the list is of futures.
    ///
    /// # Errors
    /// As [`Inputs::shared`].
    pub fn shares<T: Value + Clone>(&self, index: usize) -> Result<Vec<Arc<T>>, Box<Failure>> {
        match self.get(index)? {
            Input::One(datum) => {
                let values = datum.shared::<Vec<T>>().map_err(|e| argument(index, e))?;
                Ok(values.iter().cloned().map(Arc::new).collect())
            }
            Input::List(items) => {
                items.iter().map(Datum::shared).collect::<Result<_, _>>().map_err(|e| argument(index, e))
            }
        }
    }

    /// Argument `index`, a list of futures, as a list of shared values, for types that can't be cloned.
    ///
    /// # Errors
    /// If it is one value, which would have to be cloned apart; as [`Inputs::shared`].
    pub fn shares_of_list<T: Value>(&self, index: usize) -> Result<Vec<Arc<T>>, Box<Failure>> {
        match self.get(index)? {
            Input::One(_) => {
                let items = std::any::type_name::<T>();
                let reason = format!(
                    "a list in one piece can't be shared out, since {items} is not Clone: pass a list of futures, or \
                     take it as a slice"
                );
                Err(argument(index, reason))
            }
            Input::List(items) => {
                items.iter().map(Datum::shared).collect::<Result<_, _>>().map_err(|e| argument(index, e))
            }
        }
    }

    /// Argument `index` by value: moved if nobody else holds it, else cloned. It can be had once.
    ///
    /// # Errors
    /// As [`Inputs::shared`].
    pub fn owned<T: Value + Clone>(&mut self, index: usize) -> Result<T, Box<Failure>> {
        match self.take(index)? {
            Input::One(datum) => datum.into_value().map_err(|e| argument(index, e)),
            Input::List(_) => Err(argument(index, "a list was given where one value is wanted")),
        }
    }

    /// Argument `index` as a list by value, each item moved if nobody else holds it, else cloned. It can be had once.
    ///
    /// # Errors
    /// As [`Inputs::shared`].
    pub fn owned_list<T: Value + Clone>(&mut self, index: usize) -> Result<Vec<T>, Box<Failure>> {
        match self.take(index)? {
            Input::One(datum) => datum.into_value().map_err(|e| argument(index, e)),
            Input::List(items) => {
                items.into_iter().map(Datum::into_value).collect::<Result<_, _>>().map_err(|e| argument(index, e))
            }
        }
    }

    fn take(&mut self, index: usize) -> Result<Input, Box<Failure>> {
        let input = self.0.get_mut(index).ok_or_else(|| argument(index, "it is missing from the call"))?;
        Ok(std::mem::replace(input, Input::List(Vec::new())))
    }

    fn get(&self, index: usize) -> Result<&Input, Box<Failure>> {
        self.0.get(index).ok_or_else(|| argument(index, "it is missing from the call"))
    }
}

fn argument(index: usize, reason: impl fmt::Display) -> Box<Failure> {
    Box::new(Failure::new(ErrorKind::Decode, format!("argument {}: {reason}", index + 1)))
}

/// A task as people see it: `inc-5f3a91c2`, or the name that its caller chose.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TaskName {
    /// The key.
    pub key: Key,
    /// The function's short name, or the chosen name.
    pub name: Arc<str>,
    /// Whether `name` was chosen by the caller and stands for the key by itself.
    pub chosen: bool,
}

impl TaskName {
    /// The name of a call of the function called `function`.
    pub fn of_call(function: Arc<str>, key: Key) -> Self {
        TaskName { key, name: function, chosen: false }
    }

    /// A name chosen with `.key("…")`.
    pub fn chosen(name: Arc<str>, key: Key) -> Self {
        TaskName { key, name, chosen: true }
    }
}

impl fmt::Display for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.chosen { f.write_str(&self.name) } else { write!(f, "{}-{}", self.name, self.key) }
    }
}

impl fmt::Debug for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
