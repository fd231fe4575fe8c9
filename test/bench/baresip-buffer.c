/**
 * The two buffers of a baresip 1.1 call, libre's `jbuf` and librem's `aubuf`, given the arrivals of a trace in virtual time
 * and driven as baresip drives them: a packet that arrives is put, and one is taken at once; what is taken is written to the
 * audio buffer; the player reads 20 ms every 20 ms. Built and run by `jitter.ts`, against the libraries of the kit's
 * baresip, which have no headers there: what is used of them is declared here.
 *
 * stdin: int32 count, then `count` times { double arrivalMs; int32 sequence, 0 } in order of arrival; then int32 settings, and as
 * many times { int32 type, min, max, wish, audioMinMs, audioMaxMs }; type 0 fixed, 1 adaptive, 2 off. double untilMs at the end.
 * stdout: for each setting int32 samples, then the int16 tags of what was played at 8 kHz: sequence % 30000 + 1, 0 for silence.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* RTP header as re_rtp.h of libre 1 and 2 has it */
struct rtp_header {
	uint8_t ver;
	bool pad, ext;
	uint8_t cc;
	bool m;
	uint8_t pt;
	uint16_t seq;
	uint32_t ts, ssrc, csrc[16];
	struct { uint16_t type, len; } x;
	uint8_t spare[64];
};
struct jbuf;
struct aubuf;
int jbuf_alloc(struct jbuf **jbp, uint32_t min, uint32_t max);
int jbuf_set_type(struct jbuf *jb, int type);
int jbuf_set_wish(struct jbuf *jb, uint32_t wish);
int jbuf_put(struct jbuf *jb, const struct rtp_header *hdr, void *mem);
int jbuf_get(struct jbuf *jb, struct rtp_header *hdr, void **mem);
int aubuf_alloc(struct aubuf **abp, size_t min_sz, size_t max_sz);
int aubuf_write(struct aubuf *ab, const uint8_t *p, size_t sz);
void aubuf_read(struct aubuf *ab, uint8_t *p, size_t sz);
void *mem_alloc(size_t size, void (*dh)(void *));
void *mem_deref(void *data);

enum { PACKET = 160 };

static double now_ms;

/* jbuf asks for the time by this name; the one of the program comes first */
uint64_t tmr_jiffies(void) { return (uint64_t)now_ms; }

struct packet {
	double arrival_ms;
	int32_t seq;
};

static void need(void *to, size_t size, size_t count)
{
	if (fread(to, size, count, stdin) != count)
		exit(2);
}

static void decode(struct aubuf *ab, unsigned seq)
{
	int16_t tags[PACKET];
	int i;

	for (i = 0; i < PACKET; i++)
		tags[i] = (int16_t)(seq % 30000 + 1);
	(void)aubuf_write(ab, (uint8_t *)tags, sizeof(tags));
}

/* as stream_decode() of baresip: what it is told to leave out is left out */
static int take(struct jbuf *jb, struct aubuf *ab, uint16_t *last, bool *known)
{
	struct rtp_header hdr;
	void *mem = NULL;
	const int err = jbuf_get(jb, &hdr, &mem);

	if (err && err != EAGAIN)
		return ENOENT;
	mem_deref(mem);
	/* lostcalc(): one that is older than what was played is not played */
	if (*known && (int16_t)(hdr.seq - *last) <= 0)
		return err;
	*last = hdr.seq;
	*known = true;
	if (!err)
		decode(ab, hdr.seq);
	return err;
}

int main(void)
{
	struct packet *packets;
	int32_t count, settings, s, i;
	double until_ms;
	int32_t (*setting)[6];

	need(&count, sizeof(count), 1);
	packets = calloc(count, sizeof(*packets));
	need(packets, sizeof(*packets), count);
	need(&settings, sizeof(settings), 1);
	setting = calloc(settings, sizeof(*setting));
	need(setting, sizeof(*setting), settings);
	need(&until_ms, sizeof(until_ms), 1);

	for (s = 0; s < settings; s++) {
		const int32_t *set = setting[s];
		struct jbuf *jb = NULL;
		struct aubuf *ab = NULL;
		int32_t at = 0, samples = (int32_t)(until_ms / 20) * PACKET;
		int16_t *played = calloc(samples, sizeof(*played));
		uint16_t last = 0;
		bool known = false;

		now_ms = 0;
		if (aubuf_alloc(&ab, set[4] * 16, set[5] * 16))
			return 3;
		if (set[0] != 2 && jbuf_alloc(&jb, set[1], set[2]))
			return 3;
		if (jb && (jbuf_set_type(jb, set[0] + 1) || jbuf_set_wish(jb, set[3])))
			return 3;
		for (i = 0; i < samples / PACKET; i++) {
			for (; at < count && packets[at].arrival_ms <= i * 20; at++) {
				struct rtp_header hdr;
				void *mem = mem_alloc(8, NULL);

				memset(&hdr, 0, sizeof(hdr));
				hdr.ver = 2;
				hdr.seq = packets[at].seq;
				hdr.ts = 1000 + packets[at].seq * PACKET;
				hdr.ssrc = 1;
				now_ms = 1000 + packets[at].arrival_ms;
				if (jb) {
					(void)jbuf_put(jb, &hdr, mem);
					if (take(jb, ab, &last, &known) == EAGAIN)
						(void)take(jb, ab, &last, &known);
				}
				else if (!known || (int16_t)(hdr.seq - last) > 0) {
					last = hdr.seq;
					known = true;
					decode(ab, hdr.seq);
				}
				mem_deref(mem);
			}
			aubuf_read(ab, (uint8_t *)(played + i * PACKET), PACKET * 2);
		}
		fwrite(&samples, sizeof(samples), 1, stdout);
		fwrite(played, sizeof(*played), samples, stdout);
		free(played);
		mem_deref(jb);
		mem_deref(ab);
	}
	return 0;
}
