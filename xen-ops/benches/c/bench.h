/* What both contestants share: version 1 of a grant entry, and how they are asked to run. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IN_USE (8 | 16) /* the peer reads, the peer writes */
#define ACCESS 1
#define READ_ONLY 4

#define FIRST 8 /* the references before it are reserved */
#define BATCH 256
#define PEER 7

struct entry {
	volatile uint16_t flags;
	uint16_t domid;
	uint32_t frame;
};

/* On x86 the processor keeps stores in order: what is left to keep in order is the compiler. */
#if defined(__x86_64__) || defined(__i386__)
#define write_barrier() __asm__ volatile("" ::: "memory")
#else
#define write_barrier() __atomic_thread_fence(__ATOMIC_RELEASE)
#endif
#define compiler_barrier() __asm__ volatile("" ::: "memory")

/* A kernel's grant functions are called from other files. */
#define API __attribute__((noinline))

#if defined(__x86_64__) || defined(__i386__)
#define pause() __builtin_ia32_pause()
#else
#define pause() compiler_barrier()
#endif

/* Interrupts, as a guest masks them: a processor's flag in memory, saved and put back. */
#ifdef ONE_PROCESSOR
static volatile uint8_t masked;
#else
static __thread volatile uint8_t masked __attribute__((tls_model("initial-exec")));
#endif

static inline uint8_t interrupts_off(void)
{
	uint8_t before = masked;

	masked = 1;
	compiler_barrier();
	return before;
}

static inline void interrupts_restore(uint8_t before)
{
	compiler_barrier();
	masked = before;
}

/* Takes access away unless the peer is using the entry. */
static inline bool end_access(struct entry *entry)
{
	uint16_t flags = entry->flags;

	do {
		if (flags & IN_USE)
			return false;
	} while (!__atomic_compare_exchange_n(&entry->flags, &flags, 0, false,
					      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	return true;
}

static inline void publish(struct entry *entry, uint32_t frame, bool read_only)
{
	entry->domid = PEER;
	entry->frame = frame;
	write_barrier();
	entry->flags = read_only ? ACCESS | READ_ONLY : ACCESS;
}
