//! SipHash over keys: who does not know the secret cannot make two keys that collide.
//!
//! Compaction takes keys with the same hash for the same key, so a collision loses a record. The
//! secret is drawn for each run, and 96 bits of the result are compared (see [`super::key_map`]).

/// What a hash depends on beside the key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Secret(pub u64, pub u64);

impl Secret {
    /// Out of random bytes.
    pub fn of(bytes: [u8; 16]) -> Secret {
        let bits = u128::from_le_bytes(bytes);
        Secret(low(bits), low(bits >> 64))
    }
}

fn low(bits: u128) -> u64 {
    u64::try_from(bits & u128::from(u64::MAX)).unwrap_or_default()
}

/// SipHash-1-3 with 128 bits of output.
pub(crate) fn hash(secret: Secret, key: &[u8]) -> (u64, u64) {
    sip128::<1, 3>(secret, key)
}

fn sip128<const C: usize, const D: usize>(secret: Secret, key: &[u8]) -> (u64, u64) {
    let mut state = State {
        v0: secret.0 ^ 0x736f_6d65_7073_6575,
        v1: secret.1 ^ 0x646f_7261_6e64_6f6d ^ 0xee,
        v2: secret.0 ^ 0x6c79_6765_6e65_7261,
        v3: secret.1 ^ 0x7465_6462_7974_6573,
    };
    let (words, rest) = key.as_chunks::<8>();
    for word in words {
        state.absorb::<C>(u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    // The last word carries the length, modulo 256, in its highest byte.
    let [len, ..] = key.len().to_le_bytes();
    last[7] = len;
    state.absorb::<C>(u64::from_le_bytes(last));
    state.v2 ^= 0xee;
    state.rounds::<D>();
    let first = state.fold();
    state.v1 ^= 0xdd;
    state.rounds::<D>();
    (first, state.fold())
}

struct State {
    v0: u64,
    v1: u64,
    v2: u64,
    v3: u64,
}

impl State {
    #[inline]
    fn absorb<const C: usize>(&mut self, word: u64) {
        self.v3 ^= word;
        self.rounds::<C>();
        self.v0 ^= word;
    }

    #[inline]
    fn rounds<const N: usize>(&mut self) {
        for _ in 0..N {
            self.v0 = self.v0.wrapping_add(self.v1);
            self.v1 = self.v1.rotate_left(13) ^ self.v0;
            self.v0 = self.v0.rotate_left(32);
            self.v2 = self.v2.wrapping_add(self.v3);
            self.v3 = self.v3.rotate_left(16) ^ self.v2;
            self.v0 = self.v0.wrapping_add(self.v3);
            self.v3 = self.v3.rotate_left(21) ^ self.v0;
            self.v2 = self.v2.wrapping_add(self.v1);
            self.v1 = self.v1.rotate_left(17) ^ self.v2;
            self.v2 = self.v2.rotate_left(32);
        }
    }

    fn fold(&self) -> u64 {
        self.v0 ^ self.v1 ^ self.v2 ^ self.v3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of the reference implementation are of SipHash-2-4; the rounds are a parameter.
    #[test]
    fn the_vectors_of_the_reference_hold() {
        let secret = Secret::of(std::array::from_fn(|n| u8::try_from(n).unwrap()));
        let input: Vec<u8> = (0..15).collect();
        let cases: [(usize, u128); 3] = [
            (0, 0xa381_7f04_ba25_a8e6_6df6_7214_c755_0293),
            (1, 0xda87_c1d8_6b99_af44_3476_5911_9b22_fc45),
            (15, 0x5493_e999_33b0_a811_7e08_ec0f_97cf_c3d9),
        ];
        for (len, expected) in cases {
            let (first, second) = sip128::<2, 4>(secret, &input[..len]);
            let mut bytes = first.to_le_bytes().to_vec();
            bytes.extend(second.to_le_bytes());
            assert_eq!(bytes, expected.to_be_bytes(), "{len} bytes");
        }
    }
}
