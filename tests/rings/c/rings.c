/* Both ends of rings, over upstream's macros and types: what the tests run at the other end. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define __XEN_INTERFACE_VERSION__ __XEN_LATEST_INTERFACE_VERSION__
#define xen_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define xen_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define xen_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)

/* What vm_event.h is for. */
#define __XEN_TOOLS__ 1

#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/event_channel.h>
#include <xen/vm_event.h>
#include <xen/io/ring.h>
#include <xen/io/blkif.h>
#include <xen/io/cameraif.h>
#include <xen/io/console.h>
#include <xen/io/displif.h>
#include <xen/io/fsif.h>
#include <xen/io/netif.h>
#include <xen/io/pvcalls.h>
#include <xen/io/sndif.h>
#include <xen/io/usbif.h>
#include <xen/io/vscsiif.h>
#include <xen/io/9pfs.h>

/* Both ends of one kind of ring. A function that takes an entry returns 1, 0 if there is none, and -1 if
 * the other end's index is not possible. */
#define RING(tag, request, response)                                                    \
    size_t tag##_private_size(void)                                                     \
    {                                                                                   \
        return sizeof(tag##_front_ring_t) > sizeof(tag##_back_ring_t)                   \
            ? sizeof(tag##_front_ring_t) : sizeof(tag##_back_ring_t);                   \
    }                                                                                   \
    uint32_t tag##_entries(size_t bytes)                                                \
    {                                                                                   \
        static tag##_sring_t *none;                                                     \
        return __RING_SIZE(none, bytes);                                                \
    }                                                                                   \
    size_t tag##_entry_offset(uint32_t index)                                           \
    {                                                                                   \
        return offsetof(tag##_sring_t, ring) + index * sizeof(union tag##_sring_entry); \
    }                                                                                   \
    void tag##_front_init(tag##_front_ring_t *ring, void *pages, size_t bytes)          \
    {                                                                                   \
        tag##_sring_t *shared = pages;                                                  \
        SHARED_RING_INIT(shared);                                                       \
        FRONT_RING_INIT(ring, shared, bytes);                                           \
    }                                                                                   \
    int tag##_front_put(tag##_front_ring_t *ring, const request *entry)                 \
    {                                                                                   \
        if (RING_FULL(ring))                                                            \
            return 0;                                                                   \
        *RING_GET_REQUEST(ring, ring->req_prod_pvt) = *entry;                           \
        ring->req_prod_pvt++;                                                           \
        return 1;                                                                       \
    }                                                                                   \
    int tag##_front_push(tag##_front_ring_t *ring)                                      \
    {                                                                                   \
        int notify;                                                                     \
        RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(ring, notify);                              \
        return notify;                                                                  \
    }                                                                                   \
    int tag##_front_take(tag##_front_ring_t *ring, response *entry)                     \
    {                                                                                   \
        RING_IDX produced = *(volatile RING_IDX *)&ring->sring->rsp_prod;               \
        if (RING_RESPONSE_PROD_OVERFLOW(ring, produced))                                \
            return -1;                                                                  \
        if (produced == ring->rsp_cons)                                                 \
            return 0;                                                                   \
        xen_rmb();                                                                      \
        RING_COPY_RESPONSE(ring, ring->rsp_cons, entry);                                \
        ring->rsp_cons++;                                                               \
        return 1;                                                                       \
    }                                                                                   \
    int tag##_front_final_check(tag##_front_ring_t *ring)                               \
    {                                                                                   \
        int work;                                                                       \
        RING_FINAL_CHECK_FOR_RESPONSES(ring, work);                                     \
        return !!work;                                                                  \
    }                                                                                   \
    void tag##_back_init(tag##_back_ring_t *ring, void *pages, size_t bytes)            \
    {                                                                                   \
        tag##_sring_t *shared = pages;                                                  \
        BACK_RING_INIT(ring, shared, bytes);                                            \
    }                                                                                   \
    int tag##_back_take(tag##_back_ring_t *ring, request *entry)                        \
    {                                                                                   \
        RING_IDX produced = *(volatile RING_IDX *)&ring->sring->req_prod;               \
        if (RING_REQUEST_PROD_OVERFLOW(ring, produced))                                 \
            return -1;                                                                  \
        if (produced == ring->req_cons)                                                 \
            return 0;                                                                   \
        xen_rmb();                                                                      \
        RING_COPY_REQUEST(ring, ring->req_cons, entry);                                 \
        ring->req_cons++;                                                               \
        return 1;                                                                       \
    }                                                                                   \
    int tag##_back_put(tag##_back_ring_t *ring, const response *entry)                  \
    {                                                                                   \
        *RING_GET_RESPONSE(ring, ring->rsp_prod_pvt) = *entry;                          \
        ring->rsp_prod_pvt++;                                                           \
        return 1;                                                                       \
    }                                                                                   \
    int tag##_back_push(tag##_back_ring_t *ring)                                        \
    {                                                                                   \
        int notify;                                                                     \
        RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(ring, notify);                             \
        return notify;                                                                  \
    }                                                                                   \
    int tag##_back_final_check(tag##_back_ring_t *ring)                                 \
    {                                                                                   \
        int work;                                                                       \
        RING_FINAL_CHECK_FOR_REQUESTS(ring, work);                                      \
        return !!work;                                                                  \
    }

RING(blkif, struct blkif_request, struct blkif_response)
RING(netif_tx, struct netif_tx_request, struct netif_tx_response)
RING(netif_rx, struct netif_rx_request, struct netif_rx_response)
RING(xen_netif_ctrl, struct xen_netif_ctrl_request, struct xen_netif_ctrl_response)
RING(vscsiif, struct vscsiif_request, struct vscsiif_response)
RING(usbif_urb, struct usbif_urb_request, struct usbif_urb_response)
RING(usbif_conn, struct usbif_conn_request, struct usbif_conn_response)
RING(xen_displif, struct xendispl_req, struct xendispl_resp)
RING(xen_sndif, struct xensnd_req, struct xensnd_resp)
RING(xen_cameraif, struct xencamera_req, struct xencamera_resp)
RING(xen_pvcalls, struct xen_pvcalls_request, struct xen_pvcalls_response)
RING(fsif, struct fsif_request, struct fsif_response)
RING(vm_event, vm_event_request_t, vm_event_response_t)

/* Both ends of the console's streams. Returns the number of bytes, or -1 if the other end's index is not
 * possible. */
static int console_write(char *ring, uint32_t size, uint32_t *prod, const uint32_t *cons,
                         const char *from, uint32_t length)
{
    uint32_t own = *prod, other = *(volatile const uint32_t *)cons, done = 0;

    if (own - other > size)
        return -1;
    xen_mb();
    while (done < length && own - other < size) {
        ring[own & (size - 1)] = from[done++];
        own++;
    }
    xen_wmb();
    *prod = own;
    return done;
}

static int console_read(const char *ring, uint32_t size, const uint32_t *prod, uint32_t *cons,
                        char *to, uint32_t length)
{
    uint32_t own = *cons, other = *(volatile const uint32_t *)prod, done = 0;

    if (other - own > size)
        return -1;
    xen_rmb();
    while (done < length && own != other) {
        to[done++] = ring[own & (size - 1)];
        own++;
    }
    xen_mb();
    *cons = own;
    return done;
}

int console_front_write(struct xencons_interface *page, const char *from, uint32_t length)
{
    return console_write(page->out, sizeof(page->out), &page->out_prod, &page->out_cons, from, length);
}

int console_front_read(struct xencons_interface *page, char *to, uint32_t length)
{
    return console_read(page->in, sizeof(page->in), &page->in_prod, &page->in_cons, to, length);
}

int console_back_write(struct xencons_interface *page, const char *from, uint32_t length)
{
    return console_write(page->in, sizeof(page->in), &page->in_prod, &page->in_cons, from, length);
}

int console_back_read(struct xencons_interface *page, char *to, uint32_t length)
{
    return console_read(page->out, sizeof(page->out), &page->out_prod, &page->out_cons, to, length);
}

/* Both ends of a 9pfs connection, by the functions that upstream's macro declares. The first page is the
 * interface, and the data follow. */
static int flex_write(unsigned char *ring, RING_IDX size, RING_IDX *prod, const RING_IDX *cons,
                      const void *from, uint32_t length)
{
    RING_IDX own = *prod, other = *(volatile const RING_IDX *)cons, at;

    if (own - other > size)
        return -1;
    xen_mb();
    if (length > size - xen_9pfs_queued(own, other, size))
        length = size - xen_9pfs_queued(own, other, size);
    at = xen_9pfs_mask(own, size);
    if (length > 0)
        xen_9pfs_write_packet(ring, from, length, &at, xen_9pfs_mask(other, size), size);
    xen_wmb();
    *prod = own + length;
    return length;
}

static int flex_read(unsigned char *ring, RING_IDX size, const RING_IDX *prod, RING_IDX *cons,
                     void *to, uint32_t length)
{
    RING_IDX own = *cons, other = *(volatile const RING_IDX *)prod, at;

    if (other - own > size)
        return -1;
    xen_rmb();
    if (length > xen_9pfs_queued(other, own, size))
        length = xen_9pfs_queued(other, own, size);
    at = xen_9pfs_mask(own, size);
    if (length > 0)
        xen_9pfs_read_packet(to, ring, length, xen_9pfs_mask(other, size), &at, size);
    xen_mb();
    *cons = own + length;
    return length;
}

#define DATA(page) ((unsigned char *)(page) + 4096)

int flex_front_write(struct xen_9pfs_data_intf *page, const void *from, uint32_t length)
{
    RING_IDX size = XEN_FLEX_RING_SIZE(page->ring_order);
    return flex_write(DATA(page) + size, size, &page->out_prod, &page->out_cons, from, length);
}

int flex_front_read(struct xen_9pfs_data_intf *page, void *to, uint32_t length)
{
    RING_IDX size = XEN_FLEX_RING_SIZE(page->ring_order);
    return flex_read(DATA(page), size, &page->in_prod, &page->in_cons, to, length);
}

int flex_back_write(struct xen_9pfs_data_intf *page, const void *from, uint32_t length)
{
    RING_IDX size = XEN_FLEX_RING_SIZE(page->ring_order);
    return flex_write(DATA(page), size, &page->in_prod, &page->in_cons, from, length);
}

int flex_back_read(struct xen_9pfs_data_intf *page, void *to, uint32_t length)
{
    RING_IDX size = XEN_FLEX_RING_SIZE(page->ring_order);
    return flex_read(DATA(page) + size, size, &page->out_prod, &page->out_cons, to, length);
}

/* For the benchmark: `rounds` times `batch` requests there and back, by the loops that drivers have. */
uint64_t blkif_rounds(void *pages, size_t bytes, uint32_t rounds, uint32_t batch)
{
    blkif_sring_t *shared = pages;
    blkif_front_ring_t front;
    blkif_back_ring_t back;
    uint64_t sum = 0;

    SHARED_RING_INIT(shared);
    FRONT_RING_INIT(&front, shared, bytes);
    BACK_RING_INIT(&back, shared, bytes);
    for (uint32_t round = 0; round < rounds; round++) {
        RING_IDX produced, i;
        int notify;

        for (i = 0; i < batch; i++) {
            struct blkif_request request = { .operation = BLKIF_OP_READ, .nr_segments = 1 };

            request.id = i;
            request.sector_number = round;
            if (RING_FULL(&front))
                return 0;
            *RING_GET_REQUEST(&front, front.req_prod_pvt) = request;
            front.req_prod_pvt++;
        }
        RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&front, notify);
        sum += notify;

        produced = *(volatile RING_IDX *)&shared->req_prod;
        if (RING_REQUEST_PROD_OVERFLOW(&back, produced))
            return 0;
        xen_rmb();
        while (back.req_cons != produced) {
            struct blkif_request request;
            struct blkif_response response = { 0 };

            RING_COPY_REQUEST(&back, back.req_cons, &request);
            back.req_cons++;
            response.id = request.id;
            response.operation = request.operation;
            *RING_GET_RESPONSE(&back, back.rsp_prod_pvt) = response;
            back.rsp_prod_pvt++;
        }
        RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&back, notify);
        sum += notify;

        produced = *(volatile RING_IDX *)&shared->rsp_prod;
        if (RING_RESPONSE_PROD_OVERFLOW(&front, produced))
            return 0;
        xen_rmb();
        while (front.rsp_cons != produced) {
            struct blkif_response response;

            RING_COPY_RESPONSE(&front, front.rsp_cons, &response);
            front.rsp_cons++;
            sum += response.id;
        }
    }
    return sum;
}

/* The same for bytes: `rounds` times `length` bytes in and out. */
uint64_t flex_rounds(struct xen_9pfs_data_intf *page, char *buffer, uint32_t rounds, uint32_t length)
{
    uint64_t sum = 0;

    for (uint32_t round = 0; round < rounds; round++) {
        sum += flex_front_write(page, buffer, length);
        sum += flex_back_read(page, buffer, length);
    }
    return sum;
}
