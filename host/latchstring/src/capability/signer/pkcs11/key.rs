//! The key in the token, and its signatures.

use std::ffi::c_ulong;

use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use sha2::{Digest as _, Sha256};

use super::super::PublicKey;
use super::super::public::Public;
use super::token::Token;
use super::{Place, failed, unusable};
use crate::error::{Error, printable};
use latchstring_core::contract::SigningAlgorithm;

/// The object identifier of P-256, in DER ([RFC 5480 §2.1.1.1](https://www.rfc-editor.org/rfc/rfc5480#section-2.1.1.1)).
const P256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// What precedes a SHA-256 digest in a signature with RSA
/// ([RFC 8017 §9.2](https://www.rfc-editor.org/rfc/rfc8017#section-9.2)).
const DIGEST_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];
/// As long as the digest ([RFC 7518 §3.5](https://www.rfc-editor.org/rfc/rfc7518#section-3.5)).
const SALT_BYTES: c_ulong = 32;

/// A private key in a token that was entered.
pub(super) struct Key<'a> {
    token: &'a Token,
    session: &'a Session,
    object: ObjectHandle,
    kind: KeyType,
    id: Option<Vec<u8>>,
    /// For messages.
    name: &'a str,
}

/// What a token says of an object.
struct Attributes(Vec<Attribute>);

impl<'a> Key<'a> {
    /// Finds the one key that the URI means.
    pub(super) fn find(
        token: &'a Token,
        session: &'a Session,
        place: &'a Place,
    ) -> Result<Self, Error> {
        let unread =
            |error| failed(format!("the keys of the token {} cannot be read", token.name), &error);
        let template = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Sign(true)];
        let mut meant = Vec::new();
        let mut others = Vec::new();
        for object in session.find_objects(&template).map_err(unread)? {
            let wanted = [AttributeType::Label, AttributeType::Id, AttributeType::KeyType];
            let attributes = Attributes(session.get_attributes(object, &wanted).map_err(unread)?);
            let fits =
                attributes.label().is_some_and(|label| {
                    place.uri.object.as_ref().is_none_or(|wanted| wanted.as_bytes() == label)
                }) && place.uri.id.as_deref().is_none_or(|wanted| attributes.id() == Some(wanted));
            match fits {
                true => meant.push((object, attributes)),
                false => others.push(attributes.in_words()),
            }
        }
        let (object, attributes) = meant.pop().ok_or_else(|| {
            let others = match others.is_empty() {
                true => "none that signs".to_owned(),
                false => others.join(", "),
            };
            unusable(
                format!(
                    "the key {} is not there; the token {} has {others}",
                    place.name, token.name
                ),
                "correct object=LABEL or id=%XX in the URI of the key",
            )
        })?;
        if !meant.is_empty() {
            let all = meant.iter().map(|(_, one)| one.in_words());
            let all: Vec<_> = all.chain([attributes.in_words()]).collect();
            return Err(unusable(
                format!("{} fits several keys: {}", place.name, all.join(", ")),
                "add object=LABEL or id=%XX to the URI of the key",
            ));
        }
        let id = attributes.id().map(<[u8]>::to_vec);
        let kind = attributes.kind();
        let Some(kind) = kind else {
            return Err(unusable(format!("the key {} has no type", place.name), "use another key"));
        };
        Ok(Self { token, session, object, kind, id, name: &place.name })
    }

    /// Returns the public key, and what the token can sign with its private half.
    pub(super) fn public(&self) -> Result<(Public, PublicKey), Error> {
        let public = match self.kind {
            KeyType::EC => self.parameters()?.filter(|name| **name == P256).and(self.p256()?),
            KeyType::EC_EDWARDS => self.point()?.and_then(|point| Public::ed25519(&point)),
            KeyType::RSA => self.rsa()?,
            _ => None,
        };
        let public = public.ok_or_else(|| {
            unusable(
                format!("the key {} is of a kind or size that cannot be used", self.name),
                "use an EC key on P-256, an Ed25519 key, or an RSA key of 2048 bits or more",
            )
        })?;
        let mut key = public.key();
        key.algorithms.retain(|algorithm| self.mechanism(*algorithm).is_some());
        match key.algorithms.is_empty() {
            false => Ok((public, key)),
            true => Err(unusable(
                format!("the token {} cannot sign with the key {}", self.token.name, self.name),
                "use a token that signs with ECDSA, EdDSA or RSA",
            )),
        }
    }

    pub(super) fn sign(&self, algorithm: SigningAlgorithm, input: &[u8]) -> Result<Vec<u8>, Error> {
        let refused = |error| failed(format!("the key {} could not sign", self.name), &error);
        if self
            .own(AttributeType::AlwaysAuthenticate)?
            .0
            .contains(&Attribute::AlwaysAuthenticate(true))
        {
            return Err(unusable(
                format!("the key {} asks for the PIN at every signature", self.name),
                "use a key that does not, such as the one for authentication (9a) of a PIV card",
            ));
        }
        let Some((mechanism, digests)) = self.mechanism(algorithm) else {
            return Err(unusable(
                format!("the token {} cannot sign with this algorithm", self.token.name),
                "choose another with --client-key-algorithm",
            ));
        };
        let data = match digests {
            Digest::OfToken => input.to_vec(),
            Digest::Own => Sha256::digest(input).to_vec(),
            Digest::OwnInfo => [&DIGEST_INFO[..], &Sha256::digest(input)].concat(),
        };
        self.session.sign(&mechanism, self.object, &data).map_err(refused)
    }

    /// Returns the mechanism for an algorithm, if the token has one.
    fn mechanism(&self, algorithm: SigningAlgorithm) -> Option<(Mechanism<'static>, Digest)> {
        use SigningAlgorithm::{Eddsa, Es256, Ps256, Rs256};

        let pss = PkcsPssParams {
            hash_alg: MechanismType::SHA256,
            mgf: PkcsMgfType::MGF1_SHA256,
            s_len: SALT_BYTES.into(),
        };
        let eddsa = || Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure));
        let fitting = match algorithm {
            Es256 => vec![(Mechanism::Ecdsa, Digest::Own)],
            Eddsa => vec![(eddsa(), Digest::OfToken)],
            Ps256 => vec![
                (Mechanism::Sha256RsaPkcsPss(pss), Digest::OfToken),
                (Mechanism::RsaPkcsPss(pss), Digest::Own),
            ],
            Rs256 => vec![
                (Mechanism::Sha256RsaPkcs, Digest::OfToken),
                (Mechanism::RsaPkcs, Digest::OwnInfo),
            ],
        };
        fitting.into_iter().find(|(mechanism, _)| self.token.has(mechanism.mechanism_type()))
    }

    fn rsa(&self) -> Result<Option<Public>, Error> {
        let wanted = [AttributeType::Modulus, AttributeType::PublicExponent];
        let mut found = self.own_all(&wanted)?;
        if found.0.len() < wanted.len() {
            found = self.beside(&wanted)?;
        }
        let part = |is: fn(&Attribute) -> Option<&Vec<u8>>| found.0.iter().find_map(is);
        let n = part(|one| if let Attribute::Modulus(n) = one { Some(n) } else { None });
        let e = part(|one| if let Attribute::PublicExponent(e) = one { Some(e) } else { None });
        Ok(n.zip(e).and_then(|(n, e)| Public::rsa(n, e)))
    }

    fn p256(&self) -> Result<Option<Public>, Error> {
        Ok(self.point()?.and_then(|point| Public::p256(&point)))
    }

    /// Returns the name of the curve, in DER.
    fn parameters(&self) -> Result<Option<Vec<u8>>, Error> {
        let found = self.own(AttributeType::EcParams)?;
        Ok(found.0.into_iter().find_map(|one| match one {
            Attribute::EcParams(name) => Some(name),
            _ => None,
        }))
    }

    /// Returns the public point, which some tokens keep with the private key, too.
    fn point(&self) -> Result<Option<Vec<u8>>, Error> {
        let point = |found: Attributes| {
            found.0.into_iter().find_map(|one| match one {
                Attribute::EcPoint(point) if !point.is_empty() => Some(without_frame(&point)),
                _ => None,
            })
        };
        match point(self.own(AttributeType::EcPoint)?) {
            Some(own) => Ok(Some(own)),
            None => Ok(point(self.beside(&[AttributeType::EcPoint])?)),
        }
    }

    fn own(&self, wanted: AttributeType) -> Result<Attributes, Error> {
        self.own_all(&[wanted])
    }

    fn own_all(&self, wanted: &[AttributeType]) -> Result<Attributes, Error> {
        self.attributes(self.object, wanted)
    }

    /// Returns attributes of the public key with the same identifier.
    fn beside(&self, wanted: &[AttributeType]) -> Result<Attributes, Error> {
        let mut template =
            vec![Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::KeyType(self.kind)];
        template.extend(self.id.clone().map(Attribute::Id));
        let found = self.session.find_objects(&template);
        let found = found.map_err(|error| failed("the public key cannot be read", &error))?;
        match (found.as_slice(), &self.id) {
            ([public], Some(_)) => self.attributes(*public, wanted),
            _ => Err(unusable(
                format!("the token has {} public keys for the key {}", found.len(), self.name),
                "put exactly one there, with the same id, for example: pkcs11-tool \
                 --write-object public.der --type pubkey --id XX",
            )),
        }
    }

    fn attributes(
        &self,
        object: ObjectHandle,
        wanted: &[AttributeType],
    ) -> Result<Attributes, Error> {
        let found = self.session.get_attributes(object, wanted);
        found
            .map(Attributes)
            .map_err(|error| failed(format!("the key {} cannot be read", self.name), &error))
    }
}

/// What is signed.
enum Digest {
    /// The input, which the token hashes.
    OfToken,
    /// Its digest.
    Own,
    /// Its digest, and which one it is.
    OwnInfo,
}

impl Attributes {
    fn label(&self) -> Option<&[u8]> {
        self.0.iter().find_map(|one| match one {
            Attribute::Label(label) => Some(label.as_slice()),
            _ => None,
        })
    }

    fn id(&self) -> Option<&[u8]> {
        self.0.iter().find_map(|one| match one {
            Attribute::Id(id) if !id.is_empty() => Some(id.as_slice()),
            _ => None,
        })
    }

    fn kind(&self) -> Option<KeyType> {
        self.0.iter().find_map(|one| match one {
            Attribute::KeyType(kind) => Some(*kind),
            _ => None,
        })
    }

    /// As a part of a URI, so that it can be copied.
    fn in_words(&self) -> String {
        let label = String::from_utf8_lossy(self.label().unwrap_or_default()).into_owned();
        let id: String =
            self.id().unwrap_or_default().iter().map(|byte| format!("%{byte:02x}")).collect();
        format!("object={};id={id}", printable(&label))
    }
}

/// Takes the frame of an OCTET STRING off a point. Some tokens write none.
fn without_frame(point: &[u8]) -> Vec<u8> {
    match point {
        [0x04, length, rest @ ..] if usize::from(*length) == rest.len() => rest.to_vec(),
        point => point.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_read_with_its_frame_and_without() {
        let point = [&[4][..], &[7; 64]].concat();
        assert_eq!(without_frame(&point), point);
        assert_eq!(without_frame(&[&[4, 65], &point[..]].concat()), point);
        assert_eq!(without_frame(&[&[4, 32][..], &[7; 32]].concat()), [7; 32]);
        // The first byte of a key is any.
        assert_eq!(without_frame(&[4; 32]), [4; 32]);
    }
}
