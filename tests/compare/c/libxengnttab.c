/* libxengnttab, and libxengntshr, which is the other half of it. */

#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xengnttab.h>

enum { PEER = 1, FIRST = 16, BATCH = 16 };

/* The supervisor's marks: see tests/devices/src/marker.rs. */
static void begin(const char *name)
{
    syscall(0x58454e, 1L, name, strlen(name));
}

static void end(void)
{
    syscall(0x58454e, 2L, 0L, 0L);
}

static xengnttab_handle *gnttab;
static xengntshr_handle *gntshr;

static int map(void)
{
    void *page = xengnttab_map_grant_ref(gnttab, PEER, FIRST, PROT_READ | PROT_WRITE);

    return page ? xengnttab_unmap(gnttab, page, 1) : -1;
}

static int map_16(void)
{
    uint32_t refs[BATCH];
    void *pages;

    for (int at = 0; at < BATCH; at++)
        refs[at] = FIRST + at;
    pages = xengnttab_map_domain_grant_refs(gnttab, BATCH, PEER, refs, PROT_READ | PROT_WRITE);
    return pages ? xengnttab_unmap(gnttab, pages, BATCH) : -1;
}

static int share(void)
{
    uint32_t ref;
    void *page = xengntshr_share_pages(gntshr, PEER, 1, &ref, 1);

    return page ? xengntshr_unshare(gntshr, page, 1) : -1;
}

static int copy_16(void)
{
    static char to[BATCH][64];
    xengnttab_grant_copy_segment_t segments[BATCH];

    for (int at = 0; at < BATCH; at++) {
        segments[at].source.foreign.ref = FIRST + at;
        segments[at].source.foreign.offset = 0;
        segments[at].source.foreign.domid = PEER;
        segments[at].dest.virt = to[at];
        segments[at].len = sizeof(to[at]);
        segments[at].flags = GNTCOPY_source_gref;
        segments[at].status = 0;
    }
    return xengnttab_grant_copy(gnttab, BATCH, segments);
}

static int open_close(void)
{
    xengnttab_handle *own = xengnttab_open(NULL, 0);

    return own ? xengnttab_close(own) : -1;
}

static const struct {
    const char *name;
    int (*operation)(void);
} OPERATIONS[] = {
    { "map", map },         { "map-16", map_16 },   { "share", share },
    { "copy-16", copy_16 }, { "open", open_close },
};

int main(int argc, char **argv)
{
    for (unsigned at = 0; argc > 1 && at < sizeof(OPERATIONS) / sizeof(*OPERATIONS); at++) {
        int result, error;

        if (strcmp(argv[1], OPERATIONS[at].name))
            continue;
        gnttab = xengnttab_open(NULL, 0);
        gntshr = xengntshr_open(NULL, 0);
        OPERATIONS[at].operation();
        begin(OPERATIONS[at].name);
        result = OPERATIONS[at].operation();
        error = errno;
        end();
        puts(result ? strerror(error) : "done");
        xengntshr_close(gntshr);
        xengnttab_close(gnttab);
    }
    return 0;
}
