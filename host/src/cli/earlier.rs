//! The session that an import replaces, until what it brought has proven to work.

use std::sync::Arc;

use latchstring::Error;
use latchstring::capability::store::{Key, Store};
use zeroize::Zeroizing;

use super::stores::Stores;

pub(crate) struct Earlier {
    store: Arc<dyn Store>,
    key: Key,
    bytes: Zeroizing<Vec<u8>>,
}

impl Earlier {
    /// What is stored under `key` now, in whichever store.
    pub(crate) async fn of(stores: &Stores, key: &Key) -> Result<Option<Self>, Error> {
        for choice in stores.holding(key).await? {
            let store = stores.get(choice);
            if let Some(bytes) = store.read(key).await?.map(Zeroizing::new) {
                return Ok(Some(Self { store, key: key.clone(), bytes }));
            }
        }
        Ok(None)
    }

    /// Stores it again, unless somebody has stored another one meanwhile. Whether
    /// it did.
    pub(crate) async fn put_back(self) -> Result<bool, Error> {
        let _lock = self.store.lock(&self.key).await?;
        let is_free = self.store.read(&self.key).await?.map(Zeroizing::new).is_none();
        if is_free {
            self.store.write(&self.key, &self.bytes).await?;
        }
        Ok(is_free)
    }
}
