/* A word to itself; it says the version of the library that is loaded. */

#include <stdio.h>
#include <string.h>
#include <udsock.h>

int main(void)
{
    udsock_t ends[2];
    char word[8];
    if (udsock_version() < UDSOCK_VERSION || udsock_open_pair(UDSOCK_SEQPACKET, ends) != 0)
        return 1;
    if (udsock_send(ends[0], "word", 5, 0) != 5 || udsock_recv(ends[1], word, sizeof word, 0) != 5)
        return 1;
    if (strcmp(word, "word") != 0 || udsock_close(ends[0]) != 0 || udsock_close(ends[1]) != 0)
        return 1;
    return puts(udsock_version_string()) < 0;
}
