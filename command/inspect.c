/* udsock inspect: what is at an address, and who. */

#include "command.h"

#include <string.h>

static int help(void)
{
    printf("usage: udsock inspect ADDRESS...\n\n"
           "Says what is at each address: whether a server is alive, its kind, the file's mode and\n"
           "owner, the process, how many clients wait and how many may wait. A server there does not\n"
           "notice it.\n\n"
           "Exit status: 0 if a live socket is at each; 1 if not; 2: wrong arguments; 3: an error.\n");
    return YES;
}

static void print_file(const udsock_inspection *found)
{
    if (found->inode == 0) return;
    printf("  file: mode %04o, ", found->mode);
    print_user(stdout, found->uid);
    printf(", ");
    print_group(stdout, found->gid);
    printf("\n");
}

static void print_reach(const udsock_inspection *found)
{
    if (found->reach == UDSOCK_REACH_MOST) {
        printf("  reach: not every program, as the path has more than 97 bytes\n");
    } else if (found->reach == UDSOCK_REACH_FEW) {
        printf("  reach: few programs, as the path has more than 107 bytes\n");
    }
}

static void print_live(const udsock_inspection *found)
{
    printf("live%s%s\n", found->kind != 0 ? ", " : "",
           found->kind != 0 ? kind_name(found->kind) : "");
    print_file(found);
    if (found->pid > 0) {
        printf("  process: %d", found->pid);
        print_process(stdout, found->pid);
        if (found->processes > 1) printf(" and %u more", found->processes - 1);
        printf("\n");
    } else {
        printf("  process: not known (of another user, or of another PID namespace)\n");
    }
    if (found->process_uid != UINT32_MAX) {
        printf("  made by: ");
        print_user(stdout, found->process_uid);
        printf("\n");
    }
    if (found->queue_limit > 0) {
        printf("  queue: %u of %u%s\n", found->queue, found->queue_limit,
               found->queue >= found->queue_limit ? ", full" : "");
    }
}

static int inspect(const char *address)
{
    udsock_inspection found = { .size = sizeof found };
    udsock_error err = UDSOCK_ERROR_INIT;
    if (udsock_inspect(address, &found, &err) < 0) {
        fprintf(stderr, "udsock: %s\n", err.message);
        return FAILED;
    }
    print_text(stdout, address);
    printf(": ");
    switch (found.state) {
    case UDSOCK_LIVE:
        print_live(&found);
        print_reach(&found);
        return YES;
    case UDSOCK_STALE: printf("dead: the file of a server that has gone\n"); break;
    case UDSOCK_NOT_A_SOCKET: printf("a file that is not a socket\n"); break;
    default: printf("nothing\n"); return NO;
    }
    print_file(&found);
    print_reach(&found);
    return NO;
}

int inspect_command(int argc, char **argv)
{
    int worst = YES;
    if (argc > 1 && strcmp(argv[1], "--help") == 0) return help();
    int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;
    if (argc <= first) return misused("inspect", "an address is missing");
    for (int i = first; i < argc; i++) {
        int result = inspect(argv[i]);
        if (result > worst) worst = result;
    }
    return worst;
}
