//! What programs share by name, to keep out of each other's way and to hand things on.

use std::sync::Arc;

use super::Client;

mod semaphore;

pub use semaphore::{Lease, Lock, Semaphore};

impl Client {
    /// A lock of this name: of all who ask for it, here or in other programs of this scheduler, one holds it at a time.
    ///
    /// ```
    /// # use brisk_client::Client;
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let lock = client.lock("the database");
    /// let held = lock.acquire().await?;
    /// assert!(lock.try_acquire().await?.is_none());
    /// // Dropped, it is given back; `release` waits until that is known.
    /// held.release().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn lock(&self, name: impl Into<Arc<str>>) -> Lock {
        Lock(self.semaphore(name, 1))
    }

    /// A semaphore of this name: at most so many permits of it are held at a time, here and in other programs of this
    /// scheduler. All who use it at one time must say the same number.
    ///
    /// ```
    /// # use brisk_client::Client;
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let licences = client.semaphore("licences", 4);
    /// let three = licences.acquire_many(3).await?;
    /// let one = licences.acquire().await?;
    /// assert!(one.fence() > three.fence());
    /// assert!(licences.try_acquire().await?.is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub fn semaphore(&self, name: impl Into<Arc<str>>, permits: u32) -> Semaphore {
        Semaphore::new(self.clone(), name.into(), permits)
    }
}
