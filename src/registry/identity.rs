//! Who knows the speakers: the auth room, or a stand-in of a test.

use crate::auth::{Auth, Identified, NotIdentified};
use crate::model::credentials::{Presented, SharedKeys};
use async_trait::async_trait;

#[async_trait]
pub trait Identify: Send + Sync {
    /// See `Auth::identify`.
    async fn identify(&self, presented: &Presented) -> Result<Identified, NotIdentified>;

    /// See `Auth::keys_of`.
    async fn keys_of(&self, identity: &str) -> Result<SharedKeys, NotIdentified>;

    /// See `Auth::confirm`.
    async fn confirm(&self, identified: &Identified) -> Result<(), NotIdentified>;

    /// See `Auth::version`.
    fn version(&self) -> Option<u64>;
}

#[async_trait]
impl Identify for Auth {
    async fn identify(&self, presented: &Presented) -> Result<Identified, NotIdentified> {
        Auth::identify(self, presented).await
    }

    async fn keys_of(&self, identity: &str) -> Result<SharedKeys, NotIdentified> {
        Auth::keys_of(self, identity).await
    }

    async fn confirm(&self, identified: &Identified) -> Result<(), NotIdentified> {
        Auth::confirm(self, identified).await
    }

    fn version(&self) -> Option<u64> {
        Auth::version(self)
    }
}
