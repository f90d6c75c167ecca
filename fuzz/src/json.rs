//! JSON as its grammar says it, read by recursion, with the text of every value. As simple as it can be, and slow.

/// A value.
#[derive(Clone, Debug)]
pub(crate) struct Json<'a> {
    pub(crate) text: &'a str,
    pub(crate) kind: Kind<'a>,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind<'a> {
    Null,
    Bool,
    Number,
    /// `None`: half of a surrogate pair is escaped in it, so that it is no text.
    String(Option<String>),
    Array,
    Object(Vec<(Option<String>, Json<'a>)>),
}

/// What came of reading.
pub(crate) struct Read<'a> {
    /// The value, if the whole text is one.
    pub(crate) value: Option<Json<'a>>,
    /// The names in the outermost object that were read before anything was wrong.
    pub(crate) names: Vec<Option<String>>,
    /// Something is in it that the grammar allows and that other readers refuse: no text, a number without bound, depth.
    pub(crate) is_odd: bool,
}

pub(crate) fn read(text: &str) -> Read<'_> {
    let mut reader = Reader { text, at: 0, depth: 0, names: Vec::new(), is_odd: false };
    let value = reader.whole();
    Read { value, names: reader.names, is_odd: reader.is_odd }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
    names: Vec<Option<String>>,
    is_odd: bool,
}

impl<'a> Reader<'a> {
    fn whole(&mut self) -> Option<Json<'a>> {
        let value = self.value()?;
        self.space();
        (self.at == self.text.len()).then_some(value)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.text[self.at..].chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// This byte, if it is the next one.
    fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Option<Json<'a>> {
        self.space();
        let begin = self.at;
        let kind = match self.peek()? {
            b'"' => Kind::String(self.string()?),
            b'{' => self.object()?,
            b'[' => self.array()?,
            b'-' | b'0'..=b'9' => self.number()?,
            _ => self.word()?,
        };
        Some(Json { text: &self.text[begin..self.at], kind })
    }

    fn word(&mut self) -> Option<Kind<'a>> {
        for (word, kind) in [("null", Kind::Null), ("true", Kind::Bool), ("false", Kind::Bool)] {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Some(kind);
            }
        }
        None
    }

    fn deeper(&mut self) {
        self.depth += 1;
        self.is_odd |= self.depth > 120;
    }

    fn array(&mut self) -> Option<Kind<'a>> {
        self.at += 1;
        self.deeper();
        self.space();
        if !self.eat(b']') {
            loop {
                self.value()?;
                self.space();
                if self.eat(b']') {
                    break;
                }
                self.eat(b',').then_some(())?;
            }
        }
        self.depth -= 1;
        Some(Kind::Array)
    }

    fn object(&mut self) -> Option<Kind<'a>> {
        self.at += 1;
        self.deeper();
        let mut members = Vec::new();
        self.space();
        if !self.eat(b'}') {
            loop {
                self.space();
                (self.peek()? == b'"').then_some(())?;
                let name = self.string()?;
                if self.depth == 1 {
                    // The outermost names mean something, so they must be texts.
                    name.as_ref()?;
                    self.names.push(name.clone());
                }
                self.space();
                self.eat(b':').then_some(())?;
                members.push((name, self.value()?));
                self.space();
                if self.eat(b'}') {
                    break;
                }
                self.eat(b',').then_some(())?;
            }
        }
        self.depth -= 1;
        Some(Kind::Object(members))
    }

    fn number(&mut self) -> Option<Kind<'a>> {
        let begin = self.at;
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _ = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        let number: f64 = self.text[begin..self.at].parse().ok()?;
        self.is_odd |= number.is_infinite();
        Some(Kind::Number)
    }

    fn digits(&mut self) -> Option<()> {
        let begin = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        (self.at > begin).then_some(())
    }

    /// A string; within, `None` if it is no text.
    fn string(&mut self) -> Option<Option<String>> {
        self.at += 1;
        let mut units: Vec<u16> = Vec::new();
        loop {
            match self.next()? {
                '"' => break,
                '\\' => units.push(self.escape()?),
                '\0'..='\x1f' => return None,
                char => units.extend(char.encode_utf16(&mut [0; 2]).iter()),
            }
        }
        let text = String::from_utf16(&units).ok();
        self.is_odd |= text.is_none();
        Some(text)
    }

    fn escape(&mut self) -> Option<u16> {
        Some(match self.next()? {
            escaped @ ('"' | '\\' | '/') => escaped as u16,
            'b' => 8,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'u' => {
                let digits = self.text.get(self.at..self.at + 4)?;
                digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(())?;
                self.at += 4;
                u16::from_str_radix(digits, 16).ok()?
            }
            _ => return None,
        })
    }
}

impl<'a> Json<'a> {
    /// The text of a string.
    pub(crate) fn string(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => text.as_deref(),
            _ => None,
        }
    }

    /// The members of an object, or none.
    pub(crate) fn members(&self) -> &[(Option<String>, Json<'a>)] {
        match &self.kind {
            Kind::Object(members) => members,
            _ => &[],
        }
    }

    pub(crate) fn member(&self, wanted: &str) -> Option<&Json<'a>> {
        self.members().iter().find(|(name, _)| name.as_deref() == Some(wanted)).map(|(_, it)| it)
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }
}

/// Whether one of these names is there more than once.
pub(crate) fn has_twice(names: &[Option<String>], of: &[&str]) -> bool {
    let count = |wanted: &str| names.iter().filter(|name| name.as_deref() == Some(wanted)).count();
    of.iter().any(|name| count(name) > 1)
}
