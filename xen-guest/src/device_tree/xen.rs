//! The node `/hypervisor`.

use super::{DeviceTree, DeviceTreeError, text_of};

/// What a tree says about Xen: the node `/hypervisor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XenNode<'t> {
    /// The release that the node is compatible with, such as `4.20`.
    pub release: &'t str,
    /// Where the frames of the grant table go, and the unused regions beyond it.
    regions: &'t [u8],
    cells: (u32, u32),
    /// The interrupt that announces events.
    pub interrupt: Option<Interrupt>,
}

/// A range of guest physical addresses that has no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Its address.
    pub address: u64,
    /// Its length in bytes.
    pub length: u64,
}

/// The interrupt by which Xen announces events: three cells of the GIC's binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupt {
    /// Whether it is one of the vCPU's own (a PPI), as it is under every release.
    pub per_vcpu: bool,
    /// Its number among interrupts of that kind.
    pub number: u32,
    /// Trigger and the processors' mask, as the binding has them.
    pub flags: u32,
}

impl Interrupt {
    /// Its INTID, by which the interrupt controller knows it.
    #[must_use]
    pub const fn intid(self) -> u32 {
        self.number.saturating_add(if self.per_vcpu { 16 } else { 32 })
    }
}

impl<'t> DeviceTree<'t> {
    /// What the tree says about Xen; `None` if there is no node `/hypervisor` that is compatible with
    /// `xen,xen`: then the hypervisor is another, or there is none.
    ///
    /// # Errors
    ///
    /// [`DeviceTreeError`] if the tree cannot be read so far.
    pub fn xen(&self) -> Result<Option<XenNode<'t>>, DeviceTreeError> {
        let path = &["hypervisor"];
        let compatible = self.find(path, "compatible")?.unwrap_or_default();
        let mut names = compatible.split(|byte| *byte == 0);
        if !names.clone().any(|name| name == b"xen,xen") {
            return Ok(None);
        }
        let release = names.find_map(|name| name.strip_prefix(b"xen,xen-"));
        let release = release.and_then(text_of).unwrap_or_default();
        let regions = self.find(path, "reg")?.unwrap_or_default();
        let cells = (self.cells("#address-cells", 2)?, self.cells("#size-cells", 1)?);
        let interrupt = self.find(path, "interrupts")?.and_then(|value| {
            let [kind, number, flags] = [0, 4, 8].map(|at| number(value.get(at..)?, 1));
            let (kind, number, flags) = (kind?.0, number?.0 as u32, flags?.0 as u32);
            Some(Interrupt { per_vcpu: kind == 1, number, flags })
        });
        Ok(Some(XenNode { release, regions, cells, interrupt }))
    }

    /// The ranges of the node at `path`, which is a child of the root; none if it has none.
    #[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
    pub(crate) fn regions(
        &self,
        path: &[&str],
    ) -> Result<impl Iterator<Item = Region> + use<'t>, DeviceTreeError> {
        let cells = (self.cells("#address-cells", 2)?, self.cells("#size-cells", 1)?);
        Ok(regions(self.find(path, "reg")?.unwrap_or_default(), cells))
    }

    /// How many cells an address or a size has in properties of the root's children.
    fn cells(&self, name: &str, default: u32) -> Result<u32, DeviceTreeError> {
        let value = self.find(&[], name)?.and_then(|value| number(value, 1));
        Ok(value.map_or(default, |(value, _)| value as u32))
    }
}

impl<'t> XenNode<'t> {
    /// Where the grant table's frames can be placed, if the tree says so.
    #[must_use]
    pub fn grant_table(&self) -> Option<Region> {
        self.regions().next()
    }

    /// Further regions without memory, where frames of other domains can be mapped. Releases before
    /// 4.16, and domains that are mapped one to one, have none.
    pub fn extended_regions(&self) -> impl Iterator<Item = Region> + use<'t> {
        self.regions().skip(1)
    }

    fn regions(&self) -> impl Iterator<Item = Region> + use<'t> {
        regions(self.regions, self.cells)
    }
}

/// The ranges that a value of `reg` has.
fn regions(
    mut rest: &[u8],
    (address_cells, size_cells): (u32, u32),
) -> impl Iterator<Item = Region> {
    core::iter::from_fn(move || {
        let (address, after) = number(rest, address_cells)?;
        let (length, after) = number(after, size_cells)?;
        rest = after;
        Some(Region { address, length })
    })
}

/// A number of one or two cells, and what follows it.
fn number(bytes: &[u8], cells: u32) -> Option<(u64, &[u8])> {
    match cells {
        1 => {
            let (number, rest) = bytes.split_first_chunk()?;
            Some((u32::from_be_bytes(*number).into(), rest))
        }
        2 => {
            let (number, rest) = bytes.split_first_chunk()?;
            Some((u64::from_be_bytes(*number), rest))
        }
        _ => None,
    }
}
