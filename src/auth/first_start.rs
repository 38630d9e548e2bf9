//! The first start: the administrator, the key that signs tokens, the default profile.
//!
//! Every piece that is missing goes into one batch, so a crash leaves all of it or nothing; a later
//! start finds it all and writes nothing. No default secret exists.

use super::material::random_text;
use super::passwords::Passwords;
use super::{Config, GeneratedPassword};
use crate::model::device::{Profile, ProfileOptions};
use crate::model::ids::{OperatorId, ProfileId};
use crate::model::operator::{Operator, Role};
use crate::model::Millis;
use crate::store::{Batch, Change, SharedStore, StoreError};
use zeroize::Zeroizing;

/// System record: the key that signs operators' tokens.
const TOKEN_KEY: &str = "auth.token_key";
/// HS512 takes a key as long as its digest.
const TOKEN_KEY_BYTES: usize = 64;
/// System record: not empty while nobody has confirmed seeing the generated password; holds the
/// operator's id (16 bytes).
const UNSEEN: &str = "auth.generated_password_unseen";
/// 143 bits.
const GENERATED_CHARACTERS: usize = 24;
/// Name of the profile of devices that name none.
const DEFAULT_PROFILE: &str = "default";

/// What the rest of the room needs to go on.
pub(super) struct Start {
    pub token_key: Zeroizing<Vec<u8>>,
    pub generated: Option<GeneratedPassword>,
    /// The generated password has not been confirmed yet.
    pub unseen: bool,
}

/// Finds or makes what must be there.
pub(super) async fn prepare(
    config: &Config,
    store: &SharedStore,
    passwords: &Passwords,
    now: Millis,
) -> Result<Start, StoreError> {
    let mut changes = Vec::new();
    let token_key = token_key(store, &mut changes).await?;
    default_profile(store, now, &mut changes).await?;
    let (generated, unseen) = administrator(config, store, passwords, now, &mut changes).await?;
    if !changes.is_empty() {
        store.commit(Batch::of_system(changes)).await?;
    }
    Ok(Start {
        token_key,
        generated,
        unseen,
    })
}

/// The generated password stays from now on.
pub(super) fn seen() -> Change {
    Change::SystemPut {
        name: UNSEEN.into(),
        value: Vec::new(),
    }
}

async fn token_key(
    store: &SharedStore,
    changes: &mut Vec<Change>,
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    if let Some(key) = store.system(TOKEN_KEY).await? {
        if key.len() != TOKEN_KEY_BYTES {
            return Err(StoreError::Damaged("the token signing key".into()));
        }
        return Ok(Zeroizing::new(key));
    }
    let key: [u8; TOKEN_KEY_BYTES] = rand::random();
    changes.push(Change::SystemPut {
        name: TOKEN_KEY.into(),
        value: key.to_vec(),
    });
    Ok(Zeroizing::new(key.to_vec()))
}

async fn default_profile(
    store: &SharedStore,
    now: Millis,
    changes: &mut Vec<Change>,
) -> Result<(), StoreError> {
    let profiles = store.profiles().await?;
    if profiles.iter().any(|profile| profile.default) {
        return Ok(());
    }
    let same_name = profiles.into_iter().find(|one| one.name == DEFAULT_PROFILE);
    let mut profile = same_name.unwrap_or_else(|| Profile {
        id: ProfileId::new(),
        created: now,
        name: DEFAULT_PROFILE.into(),
        description: Some("Default device profile".into()),
        default: false,
        options: ProfileOptions::default(),
        version: 0,
        retention: None,
        chain: None,
        rates: Default::default(),
    });
    profile.default = true;
    profile.version += 1;
    changes.push(Change::ProfilePut(profile));
    Ok(())
}

/// Makes the administrator when there is no operator, and replaces a generated password that
/// nobody has seen.
async fn administrator(
    config: &Config,
    store: &SharedStore,
    passwords: &Passwords,
    now: Millis,
    changes: &mut Vec<Change>,
) -> Result<(Option<GeneratedPassword>, bool), StoreError> {
    let operators = store.operators().await?;
    let unseen = store.system(UNSEEN).await?.unwrap_or_default();
    let mut operator = match operators
        .iter()
        .find(|one| one.id.0.as_bytes()[..] == unseen[..])
    {
        Some(unseen) => unseen.clone(),
        None if operators.is_empty() => Operator {
            id: OperatorId::new(),
            created: now,
            username: config.username.trim().to_owned(),
            password_hash: String::new(),
            tokens_valid_from: 0,
            role: Role::Administrator,
            disabled: false,
            first_name: None,
            last_name: None,
        },
        None => {
            tell_what_is_ignored(config, &operators, passwords).await?;
            return Ok((None, false));
        }
    };
    let generated = config.password.is_empty().then(|| GeneratedPassword {
        username: operator.username.clone(),
        password: Zeroizing::new(random_text(GENERATED_CHARACTERS)),
    });
    let password = generated
        .as_ref()
        .map_or(&config.password, |made| &made.password);
    operator.password_hash = passwords.hash(password).await?;
    changes.push(match &generated {
        Some(_) => Change::SystemPut {
            name: UNSEEN.into(),
            value: operator.id.0.as_bytes().to_vec(),
        },
        None => seen(),
    });
    tracing::info!(username = %operator.username, "administrator made");
    changes.push(Change::OperatorPut(operator));
    let unseen = generated.is_some();
    Ok((generated, unseen))
}

/// Settings of the first start do not change an administrator who exists: say so.
async fn tell_what_is_ignored(
    config: &Config,
    operators: &[Operator],
    passwords: &Passwords,
) -> Result<(), StoreError> {
    let name = config.username.trim().to_lowercase();
    let Some(same) = operators
        .iter()
        .find(|operator| operator.username.to_lowercase() == name)
    else {
        tracing::warn!(
            "admin.username is ignored: it names the administrator made at first start, who exists under another name"
        );
        return Ok(());
    };
    let given = !config.password.is_empty();
    if given
        && !passwords
            .verify(&config.password, Some(&same.password_hash))
            .await?
    {
        tracing::warn!(
            username = %same.username,
            "admin.password is ignored: it differs from the password of the administrator, who exists already"
        );
    }
    Ok(())
}
