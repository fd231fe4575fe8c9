/*
 * How fast libre reads SIP messages. Standard input: each message behind its length (32 bits, little endian). Argument:
 * milliseconds of processor time to work for. Output: messages read, and nanoseconds of processor time they took.
 *
 * sip_msg_decode() finds all header lines and reads Via, From, To, CSeq and the Request-URI by itself; what it leaves to its
 * callers and routing needs (Route, the length of the body) is read here.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <re.h>

enum { MESSAGES_MAX = 1024 };

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int route(struct mbuf *mb)
{
	const struct sip_hdr *route;
	struct sip_addr addr;
	struct sip_msg *msg;
	int err;

	mb->pos = 0;
	err = sip_msg_decode(&msg, mb);
	if (err)
		return err;

	route = sip_msg_hdr(msg, SIP_HDR_ROUTE);
	if (route)
		err = sip_addr_decode(&addr, &route->val);
	if (pl_isset(&msg->clen) && pl_u32(&msg->clen) > mbuf_get_left(mb))
		err = 1;
	if (!pl_isset(&msg->via.branch) || !pl_isset(&msg->from.tag) || !pl_isset(&msg->callid))
		err = 1;
	mem_deref(msg);
	return err;
}

int main(int argc, char *argv[])
{
	static struct mbuf *messages[MESSAGES_MAX];
	const double limit_ns = (argc > 1 ? atof(argv[1]) : 300) * 1e6;
	size_t count = 0, done = 0, i;
	double begin, took;
	uint32_t size;
	int turn;

	while (count < MESSAGES_MAX && fread(&size, sizeof(size), 1, stdin) == 1) {
		messages[count] = mbuf_alloc(size);
		if (!messages[count] || fread(messages[count]->buf, 1, size, stdin) != size)
			return 2;
		messages[count++]->end = size;
	}
	if (count == 0)
		return 2;
	for (i = 0; i < count; i++) {
		if (route(messages[i])) {
			fprintf(stderr, "libre refuses message %zu\n", i);
			return 1;
		}
	}

	begin = now_ns();
	do {
		for (turn = 0; turn < 50; turn++)
			for (i = 0; i < count; i++)
				(void)route(messages[i]);
		done += 50 * count;
		took = now_ns() - begin;
	} while (took < limit_ns);
	printf("%zu %.0f\n", done, took);
	return 0;
}
