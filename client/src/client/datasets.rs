//! Values under names, which outlive the client that made them.

use std::sync::Arc;

use brisk_core::{
    error::{ErrorKind, TaskError},
    future::{Handle, TaskFuture},
    key::Key,
    message::{Answer, ClientToScheduler},
    task::TaskName,
    value::Value,
};

use super::{Client, copies::done, not_asked, unexpected};

impl Client {
    /// Keeps futures under a name, for other programs and for later: also when this client has gone. They stay until they
    /// are [unpublished](Client::unpublish), or the scheduler ends. To be awaited.
    ///
    /// ```
    /// # use brisk_client::{Client, TaskFuture, task};
    /// # #[task] fn inc(x: i64) -> i64 { x + 1 }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let numbers = client.map(0..3, inc);
    /// client.publish("numbers", &numbers).await?;
    /// // Here, or in another program, under the type that it was published as:
    /// let same: Vec<TaskFuture<i64>> = client.dataset("numbers").await?;
    /// assert_eq!(client.gather(&same).await?, [1, 2, 3]);
    /// assert_eq!(client.datasets().await?, ["numbers".into()]);
    /// client.unpublish("numbers").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the name is taken and is not to be [replaced](Publish::replace), or a future was cancelled.
    pub fn publish<D: Dataset>(&self, name: impl Into<Arc<str>>, data: &D) -> Publish {
        let keys = data.handles().iter().map(Handle::key).collect();
        Publish { client: self.clone(), name: name.into(), keys, shape: D::shape().into(), replace: false }
    }

    /// The futures that were published under a name, as what they were published as: a [`TaskFuture`], a vector of them, or a tuple.
    ///
    /// # Errors
    /// If nothing is published under that name, or something of another type.
    pub async fn dataset<D: Dataset>(&self, name: impl Into<Arc<str>>) -> Result<D, TaskError> {
        let name = name.into();
        let Some(session) = self.session() else { return Err(not_asked("publish")) };
        let asked = name.clone();
        let answer = session.request(|request| ClientToScheduler::Dataset { request, name: asked }).await?;
        let Answer::Dataset { keys, shape } = answer else { return Err(unexpected("find a dataset", &answer)) };
        let wanted = D::shape();
        if *shape != *wanted {
            let text = format!("`{name}` was published as {shape}, and is asked for as {wanted}");
            return Err(TaskError::new(ErrorKind::Decode, text));
        }
        let handles = session.adopt(keys.into_iter().map(|key| TaskName::of_call(name.clone(), key)).collect());
        D::of_handles(handles).ok_or_else(|| {
            TaskError::new(ErrorKind::Decode, format!("`{name}` does not have as many values as {wanted} has"))
        })
    }

    /// Ends a publication. What nobody wants any more is forgotten.
    ///
    /// # Errors
    /// If nothing is published under that name.
    pub async fn unpublish(&self, name: impl Into<Arc<str>>) -> Result<(), TaskError> {
        let name = name.into();
        let Some(session) = self.session() else { return Err(not_asked("unpublish")) };
        let answer = session.request(|request| ClientToScheduler::Unpublish { request, name }).await?;
        done("unpublish", &answer)
    }

    /// The names of all publications, in order.
    ///
    /// # Errors
    /// If the connection ends first.
    pub async fn datasets(&self) -> Result<Vec<Arc<str>>, TaskError> {
        let Some(session) = self.session() else { return Ok(Vec::new()) };
        match session.request(ClientToScheduler::Datasets).await? {
            Answer::Names(names) => Ok(names),
            other => Err(unexpected("list datasets", &other)),
        }
    }
}

/// A publication that is about to be made; see [`Client::publish`].
#[derive(Debug)]
#[must_use = "nothing is published before this is awaited"]
pub struct Publish {
    client: Client,
    name: Arc<str>,
    keys: Vec<Key>,
    shape: Arc<str>,
    replace: bool,
}

impl Publish {
    /// Ends an earlier publication of that name, if there is one.
    pub fn replace(mut self) -> Self {
        self.replace = true;
        self
    }

    pub(super) async fn run(self) -> Result<(), TaskError> {
        let Publish { client, name, keys, shape, replace } = self;
        let Some(session) = client.session() else { return Err(not_asked("publish")) };
        let publish = |request| ClientToScheduler::Publish { request, name, keys, shape, replace };
        done("publish", &session.request(publish).await?)
    }
}

/// What can be published: futures, and what is made of them.
pub trait Dataset: Sized {
    /// Its type in words, by which it is known again: those that publish and those that ask must have the same.
    #[doc(hidden)]
    fn shape() -> String;

    /// Its futures, in order.
    #[doc(hidden)]
    fn handles(&self) -> Vec<Handle>;

    /// The same of futures in that order; `None` if there are too many or too few.
    #[doc(hidden)]
    fn of_handles(handles: Vec<Handle>) -> Option<Self>;
}

impl<T: Value> Dataset for TaskFuture<T> {
    fn shape() -> String {
        std::any::type_name::<T>().to_owned()
    }

    fn handles(&self) -> Vec<Handle> {
        vec![self.handle().clone()]
    }

    fn of_handles(handles: Vec<Handle>) -> Option<Self> {
        let [handle] = <[Handle; 1]>::try_from(handles).ok()?;
        Some(TaskFuture::from_handle(handle))
    }
}

impl<T: Value> Dataset for Vec<TaskFuture<T>> {
    fn shape() -> String {
        format!("a list of {}", std::any::type_name::<T>())
    }

    fn handles(&self) -> Vec<Handle> {
        self.iter().map(|future| future.handle().clone()).collect()
    }

    fn of_handles(handles: Vec<Handle>) -> Option<Self> {
        Some(handles.into_iter().map(TaskFuture::from_handle).collect())
    }
}

macro_rules! tuples {
    ($(($($value:ident)+))*) => {$(
        impl<$($value: Value),+> Dataset for ($(TaskFuture<$value>,)+) {
            fn shape() -> String {
                format!("({})", [$(std::any::type_name::<$value>()),+].join(", "))
            }

            fn handles(&self) -> Vec<Handle> {
                #[allow(non_snake_case)]
                let ($($value,)+) = self;
                vec![$($value.handle().clone()),+]
            }

            fn of_handles(handles: Vec<Handle>) -> Option<Self> {
                let mut handles = handles.into_iter();
                let tuple = ($(TaskFuture::<$value>::from_handle(handles.next()?),)+);
                handles.next().is_none().then_some(tuple)
            }
        }
    )*};
}

tuples! { (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H) }
