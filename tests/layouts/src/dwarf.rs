//! What a C compiler says the headers define: its debug information as plain data.
//!
//! It names every type of the translation unit, so no list of names is needed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gimli::{AttributeValue, DebuggingInformationEntry, EndianSlice, LittleEndian, UnitOffset};
use object::{Object as _, ObjectSection as _};

use crate::Error;

/// Everything that the headers define.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definitions {
    /// Tags and typedefs, in the compiler's order.
    pub types: Vec<Type>,
    /// Structures and unions with their members.
    pub records: Vec<Record>,
    /// The names and values of all enumerations, those without a name included.
    pub enumerators: Vec<(String, i128)>,
}

/// A tag or a typedef.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    /// How C spells it: `struct foo`, `foo_t`.
    pub c: String,
    /// Header and line.
    pub place: String,
    /// Bytes, unless it is incomplete.
    pub size: Option<u64>,
}

/// A structure or union with a name; or one without, in arrays that lie in such.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// How C spells the one with a name.
    pub c: String,
    /// The path from there to the array, or nothing.
    pub path: String,
    /// Bytes.
    pub size: Option<u64>,
    /// Its members by path: joined by dots, levels of records without a name gone through.
    pub leaves: Vec<(String, Extent)>,
}

/// Where a member lies in its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// A bit field: its first bit and its number of bits.
    Bits {
        /// Counted from the start of the record.
        first: u64,
        /// Bits.
        width: u64,
    },
    /// Any other member.
    Bytes {
        /// Bytes from the start of the record.
        offset: u64,
        /// Bytes; none for a flexible array.
        size: u64,
    },
}

/// Reads what the headers define from `data`: a linked little-endian file, since the debug sections
/// of an object file wait for their relocations. `header_at` names the files that are headers.
pub fn read(data: &[u8], header_at: &HeaderAt<'_>) -> Result<Definitions, Error> {
    let file = object::File::parse(data)?;
    let dwarf = gimli::Dwarf::load(|id| {
        let section = file.section_by_name(id.name());
        let bytes = section.map_or(Ok(&[][..]), |section| section.data())?;
        Ok::<_, Error>(EndianSlice::new(bytes, LittleEndian))
    })?;
    let mut definitions = Definitions::default();
    let mut headers = dwarf.units();
    while let Some(header) = headers.next()? {
        let unit = dwarf.unit(header)?;
        let unit = unit.unit_ref(&dwarf);
        let reader = Reader { unit, header_at, reached: BTreeSet::new(), out: &mut definitions };
        reader.read()?;
    }
    Ok(definitions)
}

/// What a file is as a header, if it is one.
pub type HeaderAt<'a> = dyn Fn(&Path) -> Option<String> + 'a;

type Slice<'a> = EndianSlice<'a, LittleEndian>;
type Entry<'a> = DebuggingInformationEntry<'a, 'a, Slice<'a>>;

struct Reader<'a> {
    unit: gimli::UnitRef<'a, Slice<'a>>,
    header_at: &'a HeaderAt<'a>,
    /// The records whose members are read.
    reached: BTreeSet<UnitOffset>,
    out: &'a mut Definitions,
}

/// A level on the way down from a record with a name.
struct Level<'a> {
    c: &'a str,
    /// The path from there, and from the element of the innermost array.
    paths: [&'a str; 2],
    offset: u64,
}

impl<'a> Reader<'a> {
    fn read(mut self) -> Result<(), Error> {
        let entries = self.children(None)?;
        for entry in &entries {
            self.define(entry)?;
        }
        for entry in entries.iter().filter(|entry| is_record(entry)) {
            let is_known = self.name(entry)?.is_some() || self.reached.contains(&entry.offset());
            if let (false, Some(place)) = (is_known, self.place(entry)?) {
                // No name that the ABI could have: the caller reports it.
                self.define_type(entry, String::from("a record out of reach"), place)?;
            }
        }
        Ok(())
    }

    fn define(&mut self, entry: &Entry<'a>) -> Result<(), Error> {
        let keyword = match entry.tag() {
            gimli::DW_TAG_structure_type => "struct ",
            gimli::DW_TAG_union_type => "union ",
            gimli::DW_TAG_enumeration_type => "enum ",
            gimli::DW_TAG_typedef => "",
            _ => return Ok(()),
        };
        let (None, Some(place)) = (entry.attr(gimli::DW_AT_declaration)?, self.place(entry)?)
        else {
            return Ok(());
        };
        if entry.tag() == gimli::DW_TAG_enumeration_type {
            for value in self.children(Some(entry.offset()))? {
                let number = value.attr_value(gimli::DW_AT_const_value)?.and_then(integer);
                self.out.enumerators.extend(self.name(&value)?.zip(number));
            }
        }
        let Some(name) = self.name(entry)? else { return Ok(()) };
        let c = format!("{keyword}{name}");
        if is_record(entry) {
            self.record([&c, ""], entry)?;
        } else if let Some(target) = self.target(entry)? {
            // The first typedef of a record without a tag is its name.
            let unnamed = is_record(&target) && self.name(&target)?.is_none();
            if unnamed && !self.reached.contains(&target.offset()) {
                self.record([&c, ""], &target)?;
            }
        }
        self.define_type(entry, c, place)
    }

    fn define_type(&mut self, entry: &Entry<'a>, c: String, place: String) -> Result<(), Error> {
        let size = self.size(entry)?;
        self.out.types.push(Type { c, place, size });
        Ok(())
    }

    /// Adds the record `entry`, which lies at `path` in the one that C spells `c`.
    fn record(&mut self, [c, path]: [&str; 2], entry: &Entry<'a>) -> Result<(), Error> {
        let mut leaves = Vec::new();
        self.leaves(&Level { c, paths: [path, ""], offset: 0 }, entry, &mut leaves)?;
        let size = self.size(entry)?;
        self.out.records.push(Record { c: c.to_owned(), path: path.to_owned(), size, leaves });
        Ok(())
    }

    fn leaves(
        &mut self,
        level: &Level<'_>,
        record: &Entry<'a>,
        out: &mut Vec<(String, Extent)>,
    ) -> Result<(), Error> {
        self.reached.insert(record.offset());
        for member in self.children(Some(record.offset()))? {
            if member.tag() != gimli::DW_TAG_member {
                continue;
            }
            let name = self.name(&member)?;
            let [path, local] = level.paths.map(|path| joined(path, name.as_deref()));
            let inside = number(&member, gimli::DW_AT_data_member_location)?;
            let offset = level.offset.saturating_add(inside.unwrap_or(0));
            if let Some(width) = number(&member, gimli::DW_AT_bit_size)? {
                let inside = number(&member, gimli::DW_AT_data_bit_offset)?.unwrap_or(0);
                let first = offset.saturating_mul(8).saturating_add(inside);
                out.push((local, Extent::Bits { first, width }));
                continue;
            }
            let mut ty = self.target(&member)?;
            let is_array = ty.as_ref().is_some_and(|ty| ty.tag() == gimli::DW_TAG_array_type);
            while let Some(array) = ty.take_if(|ty| ty.tag() == gimli::DW_TAG_array_type) {
                ty = self.target(&array)?;
            }
            let mut unnamed = None;
            if let Some(ty) = ty.filter(is_record) {
                unnamed = self.name(&ty)?.is_none().then_some(ty);
            }
            match unnamed {
                Some(inner) if !is_array => {
                    let level = Level { c: level.c, paths: [&path, &local], offset };
                    self.leaves(&level, &inner, out)?;
                    continue;
                }
                Some(element) => self.record([level.c, &path], &element)?,
                None => {}
            }
            let size = self.size(&member)?.unwrap_or(0);
            out.push((local, Extent::Bytes { offset, size }));
        }
        Ok(())
    }

    /// Bytes of the type `entry`, or of what it is a name, qualifier, array or member of.
    fn size(&self, entry: &Entry<'a>) -> Result<Option<u64>, Error> {
        if let Some(size) = number(entry, gimli::DW_AT_byte_size)? {
            return Ok(Some(size));
        }
        let Some(target) = self.target(entry)? else { return Ok(None) };
        let Some(mut size) = self.size(&target)? else { return Ok(None) };
        if entry.tag() == gimli::DW_TAG_array_type {
            for range in self.children(Some(entry.offset()))? {
                let last = number(&range, gimli::DW_AT_upper_bound)?;
                // A flexible array has neither.
                let length = last.map(|last| last.saturating_add(1));
                let length = number(&range, gimli::DW_AT_count)?.or(length).unwrap_or(0);
                size = size.saturating_mul(length);
            }
        }
        Ok(Some(size))
    }

    fn children(&self, of: Option<UnitOffset>) -> Result<Vec<Entry<'a>>, Error> {
        let mut tree = self.unit.unit.entries_tree(of)?;
        let mut nodes = tree.root()?.children();
        let mut out = Vec::new();
        while let Some(node) = nodes.next()? {
            out.push(node.entry().clone());
        }
        Ok(out)
    }

    fn target(&self, entry: &Entry<'a>) -> Result<Option<Entry<'a>>, Error> {
        match entry.attr_value(gimli::DW_AT_type)? {
            Some(AttributeValue::UnitRef(offset)) => Ok(Some(self.unit.unit.entry(offset)?)),
            _ => Ok(None),
        }
    }

    fn name(&self, entry: &Entry<'a>) -> Result<Option<String>, Error> {
        let Some(name) = entry.attr_value(gimli::DW_AT_name)? else { return Ok(None) };
        Ok(Some(self.text(name)?))
    }

    fn text(&self, value: AttributeValue<Slice<'a>>) -> Result<String, Error> {
        Ok(self.unit.attr_string(value)?.to_string_lossy().into_owned())
    }

    /// Header and line, if it is one of the ABI.
    fn place(&self, entry: &Entry<'a>) -> Result<Option<String>, Error> {
        let program = self.unit.line_program.as_ref().map(gimli::IncompleteLineProgram::header);
        let (Some(program), Some(index)) = (program, number(entry, gimli::DW_AT_decl_file)?) else {
            return Ok(None);
        };
        let Some(file) = program.file(index) else { return Ok(None) };
        let mut path = PathBuf::new();
        if let Some(dir) = file.directory(program) {
            path.push(self.text(dir)?);
        }
        path.push(self.text(file.path_name())?);
        let line = number(entry, gimli::DW_AT_decl_line)?.unwrap_or(0);
        let header = (self.header_at)(&path);
        Ok(header.map(|header| format!("{header}:{line}")))
    }
}

fn is_record(entry: &Entry<'_>) -> bool {
    matches!(entry.tag(), gimli::DW_TAG_structure_type | gimli::DW_TAG_union_type)
}

fn number(entry: &Entry<'_>, at: gimli::DwAt) -> Result<Option<u64>, Error> {
    Ok(entry.attr(at)?.and_then(|attribute| attribute.udata_value()))
}

fn integer(value: AttributeValue<Slice<'_>>) -> Option<i128> {
    match value {
        AttributeValue::Sdata(value) => Some(value.into()),
        other => other.udata_value().map(i128::from),
    }
}

fn joined(path: &str, name: Option<&str>) -> String {
    match name {
        Some(name) if path.is_empty() => name.to_owned(),
        Some(name) => format!("{path}.{name}"),
        None => path.to_owned(),
    }
}
