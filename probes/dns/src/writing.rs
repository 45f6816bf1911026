//! A writer of answers, for tests.

use proptest::prelude::*;

use crate::{Data, Domain, Kind, Question};

/// An answer that is being written.
pub(crate) struct Reply {
    message: Vec<u8>,
    answers: u16,
}

pub(crate) fn name(text: &str) -> Domain {
    Domain::parse(text).expect("it is a name")
}

pub(crate) fn address(text: &str) -> Data {
    Data::Address(text.parse().expect("it is an address"))
}

impl Reply {
    /// An answer to this query that says nothing yet.
    pub(crate) fn to(question: &Question, id: u16) -> Self {
        let mut message = question.query(id, true);
        // Without the query's EDNS.
        message.truncate(message.len() - 11);
        message[2] |= 0x80;
        message[11] = 0;
        Self {
            message,
            answers: 0,
        }
    }

    /// Adds a record to the answer section.
    pub(crate) fn answer(mut self, owner: &Domain, kind: Kind, ttl: u32, data: Data) -> Self {
        let data = match data {
            Data::Address(std::net::IpAddr::V4(address)) => address.octets().to_vec(),
            Data::Address(std::net::IpAddr::V6(address)) => address.octets().to_vec(),
            Data::Name(name) => name.wire().to_vec(),
            Data::Mail(preference, name) => [&preference.to_be_bytes(), name.wire()].concat(),
            Data::Text(text) => text
                .chunks(255)
                .flat_map(|part| [&[part.len() as u8], part].concat())
                .collect(),
            Data::Authority(name, serial) => {
                [name.wire(), b"\0", &serial.to_be_bytes(), &[0; 16]].concat()
            }
        };
        self.message.extend(owner.wire());
        self.message.extend(kind.number().to_be_bytes());
        self.message.extend(1_u16.to_be_bytes());
        self.message.extend(ttl.to_be_bytes());
        self.message.extend((data.len() as u16).to_be_bytes());
        self.message.extend(data);
        self.answers += 1;
        self
    }

    /// The code that the answer has.
    pub(crate) fn code(mut self, code: u8) -> Self {
        self.message[3] = code;
        self
    }

    pub(crate) fn bytes(mut self) -> Vec<u8> {
        self.message[6..8].copy_from_slice(&self.answers.to_be_bytes());
        self.message
    }
}

/// Any data, with the kind of their record.
pub(crate) fn any_data() -> impl Strategy<Value = (Kind, Data)> {
    let domain = || "[a-z]{1,9}(\\.[a-z]{1,9}){0,3}".prop_map(|text| name(&text));
    prop_oneof![
        any::<[u8; 4]>().prop_map(|bytes| (Kind::A, Data::Address(bytes.into()))),
        any::<[u8; 16]>().prop_map(|bytes| (Kind::Aaaa, Data::Address(bytes.into()))),
        (
            prop::sample::select(vec![Kind::Cname, Kind::Ns, Kind::Ptr]),
            domain()
        )
            .prop_map(|(kind, name)| (kind, Data::Name(name))),
        (any::<u16>(), domain())
            .prop_map(|(preference, name)| (Kind::Mx, Data::Mail(preference, name))),
        prop::collection::vec(any::<u8>(), 0..600).prop_map(|bytes| (Kind::Txt, Data::Text(bytes))),
        (domain(), any::<u32>())
            .prop_map(|(name, serial)| (Kind::Soa, Data::Authority(name, serial))),
    ]
}
