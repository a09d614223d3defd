//! PGM and PPM, as text (P2, P3) or bytes (P5, P6), with at most 8 bits a value.

use std::borrow::Cow;

use super::picture::{Picture, check_size};
use super::{Fault, hex};

/// Reads the one image of a file.
pub(crate) fn read(bytes: &[u8]) -> Result<Picture<'_>, Fault> {
    let (channels, text) = match bytes.get(..2) {
        Some(b"P2") => (1, true),
        Some(b"P3") => (3, true),
        Some(b"P5") => (1, false),
        Some(b"P6") => (3, false),
        _ => {
            return Err(Fault::byte(0, format!("not a PGM or PPM file: found [{}]", hex(bytes, 2))));
        }
    };
    let mut cursor = Cursor { bytes, at: 2 };
    let width = cursor.number("the width")?;
    let height = cursor.number("the height")?;
    let at = cursor.at as u64;
    let most = cursor.number("the largest value")?;
    check_size(width, height)?;
    if !(1..=255).contains(&most) {
        return Err(Fault::byte(at, format!("values up to {most}, expected at most 255 (8 bits)")));
    }
    let size = width as usize * height as usize * channels;
    let pixels = match text {
        true => cursor.values(size, most)?,
        false => cursor.body(size, most)?,
    };
    Ok(Picture { width: width as usize, height: height as usize, channels, pixels })
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Over white space and comments, which run from `#` to the end of a line.
    fn skip(&mut self) {
        let mut comment = false;
        while let Some(byte) = self.peek() {
            match byte {
                b'\n' | b'\r' => comment = false,
                b'#' => comment = true,
                _ if comment || byte.is_ascii_whitespace() => {}
                _ => return,
            }
            self.at += 1;
        }
    }

    fn number(&mut self, what: &str) -> Result<u32, Fault> {
        self.skip();
        let start = self.at;
        let mut value = 0u32;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            value = value.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
            self.at += 1;
        }
        if self.at == start {
            let found = self.peek().map_or("the end of the file".to_owned(), |b| format!("[{b:02x}]"));
            return Err(Fault::byte(start as u64, format!("{what} is missing: found {found}")));
        }
        Ok(value)
    }

    /// The bytes behind the one white space that ends the header.
    fn body(&mut self, size: usize, most: u32) -> Result<Cow<'a, [u8]>, Fault> {
        match self.peek() {
            Some(byte) if byte.is_ascii_whitespace() => self.at += 1,
            _ => return Err(Fault::byte(self.at as u64, "the header does not end in white space")),
        }
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let whole = self.at + size;
        if rest.len() < size {
            let message = format!("the file ends here, expected {whole} bytes");
            return Err(Fault::byte(self.bytes.len() as u64, message));
        }
        if rest.len() > size {
            let message = format!("the file goes on, expected {whole} bytes in all");
            return Err(Fault::byte(whole as u64, message));
        }
        if most == 255 {
            return Ok(Cow::Borrowed(rest));
        }
        if let Some(i) = rest.iter().position(|&b| u32::from(b) > most) {
            return Err(beyond(self.at + i, most));
        }
        Ok(rest.iter().map(|&b| stretched(u32::from(b), most)).collect())
    }

    fn values(&mut self, size: usize, most: u32) -> Result<Cow<'a, [u8]>, Fault> {
        // A value takes two bytes at least, so that the file bounds what it can make us take.
        if size > self.bytes.len() {
            let message = format!("the file ends here, too short for {size} values");
            return Err(Fault::byte(self.bytes.len() as u64, message));
        }
        let mut values = Vec::with_capacity(size);
        for _ in 0..size {
            self.skip();
            let at = self.at;
            let value = self.number("a value")?;
            if value > most {
                return Err(beyond(at, most));
            }
            values.push(stretched(value, most));
        }
        self.skip();
        match self.peek() {
            None => Ok(values.into()),
            Some(_) => Err(Fault::byte(self.at as u64, format!("the file goes on after {size} values"))),
        }
    }
}

fn beyond(at: usize, most: u32) -> Fault {
    Fault::byte(at as u64, format!("a value above {most}, which the header gives as the largest"))
}

fn stretched(value: u32, most: u32) -> u8 {
    ((value * 255 + most / 2) / most) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_four_forms_give_the_same_pixels() {
        let forms: [&[u8]; 2] = [b"P5 # grey\n2 1\n255\n\x00\xff", b"P2\n2 1 15 0 15\n"];
        for form in forms {
            assert_eq!(&*read(form).unwrap().pixels, [0, 255]);
        }
        let forms: [&[u8]; 2] = [b"P6\n#x\n1 1 255 \x01\x02\x03", b"P3 1 1 255 1 2 3"];
        for form in forms {
            let picture = read(form).unwrap();
            assert_eq!((picture.channels, &*picture.pixels), (3, &[1, 2, 3][..]));
        }
    }
}
