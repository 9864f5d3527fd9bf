/*
 * Receiving events as Linux does in the 2-level ABI: each processor has a mask of the ports that are its own,
 * and goes on in the next walk after the port where the last one ended, so that low ports do not starve
 * high ones.
 */
#include <stdint.h>

#define BITS (8 * sizeof(unsigned long))
#define WORDS BITS

struct info {
	volatile uint8_t upcall_pending;
	uint8_t upcall_mask;
	volatile unsigned long selector;
};

struct shared {
	volatile unsigned long pending[WORDS];
	volatile unsigned long mask[WORDS];
};

static unsigned long own[WORDS];
static unsigned int first_word, first_bit;

void linux_events_start(void)
{
	for (unsigned int n = 0; n < WORDS; n++)
		own[n] = ~0UL;
}

static inline unsigned long from(unsigned long word, unsigned int bit)
{
	return word & (~0UL << bit);
}

/* Calls the handler for each port of this processor of which an event is pending. */
void linux_events_receive(struct shared *shared, struct info *info, void (*handler)(uint32_t))
{
	unsigned long words;
	unsigned int word, bit, start;

	info->upcall_pending = 0;
	words = __atomic_exchange_n(&info->selector, 0, __ATOMIC_SEQ_CST);
	start = word = first_word;
	bit = first_bit;
	for (unsigned int n = 0; words; n++) {
		unsigned long left = from(words, word);

		if (!left) {
			word = bit = 0;
			continue;
		}
		word = __builtin_ctzl(left);
		if (word != start)
			bit = 0;
		do {
			unsigned long active = shared->pending[word] & own[word] & ~shared->mask[word];
			unsigned long ports = from(active, bit);

			if (!ports)
				break;
			bit = __builtin_ctzl(ports);
			__atomic_fetch_and(&shared->pending[word], ~(1UL << bit), __ATOMIC_SEQ_CST);
			handler(word * BITS + bit);
			bit = (bit + 1) % BITS;
			first_word = bit ? word : (word + 1) % WORDS;
			first_bit = bit;
		} while (bit);
		/* The word in the middle of which the walk began is looked at once more. */
		if (word != start || n)
			words &= ~(1UL << word);
		word = (word + 1) % WORDS;
		bit = 0;
	}
}
