/* What a kernel has for the architecture in place of Xen's own header: handles, and the integers whose width the
   architecture decides. */
#ifndef XEN_ABI_INTERFACE
#define XEN_ABI_INTERFACE
#include <linux/types.h>
/* The types need not be known, and their names are pasted as they are written, even those of macros. */
#if defined(__arm__) || defined(__aarch64__)
/* 64 bits wide on both. */
#define XEN_ABI_HANDLE uint64_t __attribute__((aligned(8)))
#define GUEST_HANDLE(name) __guest_handle_64_ ## name
#define __DEFINE_GUEST_HANDLE(name, type) typedef XEN_ABI_HANDLE __guest_handle_64_ ## name
#define DEFINE_GUEST_HANDLE(name) typedef XEN_ABI_HANDLE __guest_handle_64_ ## name
#define DEFINE_GUEST_HANDLE_STRUCT(name) typedef XEN_ABI_HANDLE __guest_handle_64_ ## name
typedef uint64_t xen_pfn_t;
typedef uint64_t xen_ulong_t;
typedef int64_t xen_long_t;
#else
/* As wide as the pointer that it is in the kernels. */
#define GUEST_HANDLE(name) __guest_handle_ ## name
#define __DEFINE_GUEST_HANDLE(name, type) typedef unsigned long __guest_handle_ ## name
#define DEFINE_GUEST_HANDLE(name) typedef unsigned long __guest_handle_ ## name
#define DEFINE_GUEST_HANDLE_STRUCT(name) typedef unsigned long __guest_handle_ ## name
typedef unsigned long xen_pfn_t;
typedef unsigned long xen_ulong_t;
typedef long xen_long_t;
#if defined(__i386__)
typedef struct { unsigned long cs, eip; } xen_callback_t;
#else
typedef unsigned long xen_callback_t;
#endif
#endif
__DEFINE_GUEST_HANDLE(uchar, unsigned char);
__DEFINE_GUEST_HANDLE(uint, unsigned int);
DEFINE_GUEST_HANDLE(char);
DEFINE_GUEST_HANDLE(int);
DEFINE_GUEST_HANDLE(void);
DEFINE_GUEST_HANDLE(u32);
DEFINE_GUEST_HANDLE(u64);
DEFINE_GUEST_HANDLE(uint32_t);
DEFINE_GUEST_HANDLE(uint64_t);
DEFINE_GUEST_HANDLE(xen_pfn_t);
DEFINE_GUEST_HANDLE(xen_ulong_t);
#include <xen-abi/absent.h>
#endif
