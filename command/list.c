/* udsock list: every Unix socket of this network namespace, as the kernel lists them (sock_diag(7)),
 * with the processes that have them open (/proc). */

#define _GNU_SOURCE
#include "command.h"

#include <dirent.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct entry {
    uint32_t inode, peer, queue, limit;
    /* The inode of its file; 0: it has none. */
    uint32_t file;
    uint8_t kind, state;
    /* The lowest number of a process that has it open. */
    int32_t pid;
    char name[sizeof "" + 108];
    size_t name_size;
} entry;

static entry *entries;
static size_t count;

enum { ESTABLISHED = 1, LISTENING = 10 };

static entry *new_entry(void)
{
    static size_t capacity;
    if (count == capacity) {
        capacity = capacity == 0 ? 256 : 2 * capacity;
        entry *more = realloc(entries, capacity * sizeof *more);
        if (more == NULL) return NULL;
        entries = more;
    }
    memset(&entries[count], 0, sizeof entries[count]);
    return &entries[count++];
}

static void read_attribute(entry *it, const struct nlattr *attribute)
{
    const void *value = (const char *)attribute + NLA_HDRLEN;
    size_t size = attribute->nla_len - (size_t)NLA_HDRLEN;
    switch (attribute->nla_type) {
    case UNIX_DIAG_NAME:
        it->name_size = size < sizeof it->name ? size : sizeof it->name;
        memcpy(it->name, value, it->name_size);
        break;
    case UNIX_DIAG_VFS:
        if (size >= 4) memcpy(&it->file, value, 4);
        break;
    case UNIX_DIAG_PEER:
        if (size >= 4) memcpy(&it->peer, value, 4);
        break;
    case UNIX_DIAG_RQLEN:
        if (size >= 8) {
            memcpy(&it->queue, value, 4);
            memcpy(&it->limit, (const char *)value + 4, 4);
        }
        break;
    }
}

static bool read_message(const struct nlmsghdr *header)
{
    const struct unix_diag_msg *message = NLMSG_DATA(header);
    if (header->nlmsg_len < NLMSG_LENGTH(sizeof *message)) return true;
    entry *it = new_entry();
    if (it == NULL) return false;
    it->inode = message->udiag_ino;
    it->kind = message->udiag_type;
    it->state = message->udiag_state;
    size_t left = header->nlmsg_len - NLMSG_LENGTH(sizeof *message);
    const char *at = (const char *)(message + 1);
    while (left >= NLA_HDRLEN) {
        const struct nlattr *attribute = (const void *)at;
        size_t size = NLA_ALIGN(attribute->nla_len);
        if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > left) break;
        read_attribute(it, attribute);
        at += size;
        left -= size < left ? size : left;
    }
    return true;
}

/* Reads the kernel's list: 0, or an errno. */
static int ask_kernel(void)
{
    struct {
        struct nlmsghdr header;
        struct unix_diag_req request;
    } ask = {
        .header = { .nlmsg_len = sizeof ask, .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
        .request = { .sdiag_family = AF_UNIX, .udiag_states = UINT32_MAX,
                     .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_PEER
                                     | UDIAG_SHOW_RQLEN },
    };
    static char buffer[32768] __attribute__((aligned(8)));
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0) return errno;
    int error = send(fd, &ask, sizeof ask, MSG_NOSIGNAL) < 0 ? errno : 0;
    for (bool more = true; more && error == 0;) {
        ssize_t size = recv(fd, buffer, sizeof buffer, 0);
        if (size < 0) {
            if (errno != EINTR) error = errno;
            continue;
        }
        size_t left = (size_t)size;
        const struct nlmsghdr *header = (const void *)buffer;
        for (; more && error == 0 && NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
            if (header->nlmsg_type == NLMSG_DONE) more = false;
            else if (header->nlmsg_type == NLMSG_ERROR)
                error = -((const struct nlmsgerr *)NLMSG_DATA(header))->error;
            else if (!read_message(header)) error = ENOMEM;
        }
    }
    close(fd);
    return error;
}

static int by_inode(const void *one, const void *other)
{
    uint32_t a = ((const entry *)one)->inode, b = ((const entry *)other)->inode;
    return a < b ? -1 : a > b;
}

static entry *find(uint32_t inode)
{
    entry wanted = { .inode = inode };
    return inode == 0 ? NULL : bsearch(&wanted, entries, count, sizeof *entries, by_inode);
}

/* Whether that directory shows any descriptor. */
static bool look_among(const char *path, int32_t pid)
{
    char target[64];
    bool is_any = false;
    DIR *directory = opendir(path);
    if (directory == NULL) return false;
    for (struct dirent *each; (each = readdir(directory)) != NULL;) {
        ssize_t length = readlinkat(dirfd(directory), each->d_name, target, sizeof target - 1);
        unsigned inode;
        if (length < 0) continue;
        is_any = true;
        target[length] = 0;
        entry *it = sscanf(target, "socket:[%u]", &inode) == 1 ? find(inode) : NULL;
        if (it != NULL && (it->pid == 0 || pid < it->pid)) it->pid = pid;
    }
    closedir(directory);
    return is_any;
}

/* If the process's first thread has ended, that thread shows none any more: then the others do. */
static void look_into(int32_t pid)
{
    char path[300];
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    if (look_among(path, pid)) return;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *directory = opendir(path);
    if (directory == NULL) return;
    for (struct dirent *each; (each = readdir(directory)) != NULL;) {
        int32_t task = (int32_t)strtol(each->d_name, NULL, 10);
        snprintf(path, sizeof path, "/proc/%d/task/%d/fd", pid, task);
        if (task > 0 && look_among(path, pid)) break;
    }
    closedir(directory);
}

static void look_for_processes(void)
{
    DIR *directory = opendir("/proc");
    if (directory == NULL) return;
    for (struct dirent *each; (each = readdir(directory)) != NULL;) {
        int32_t pid = (int32_t)strtol(each->d_name, NULL, 10);
        if (pid > 0) look_into(pid);
    }
    closedir(directory);
}

/* Finds a path that leads to the socket for its process only (a relative one, or one through a
 * descriptor) as it is called from here. */
static bool find_path(const entry *it, const char *name, char *path, size_t room)
{
    static const char OWN[] = "/proc/self/fd/";
    char link[64];
    struct stat file;
    if (strncmp(name, OWN, sizeof OWN - 1) == 0) {
        char *rest;
        long fd = strtol(name + sizeof OWN - 1, &rest, 10);
        if (*rest != '/') return false;
        snprintf(link, sizeof link, "/proc/%d/fd/%ld", it->pid, fd);
        name = rest + 1;
    } else if (name[0] != '/') {
        snprintf(link, sizeof link, "/proc/%d/cwd", it->pid);
    } else {
        return false;
    }
    ssize_t length = readlink(link, path, room);
    if (length < 0 || (size_t)length >= room) return false;
    const char *slash = length > 0 && path[length - 1] == '/' ? "" : "/";
    int all = snprintf(path + length, room - (size_t)length, "%s%s", slash, name);
    return all >= 0 && (size_t)all < room - (size_t)length && lstat(path, &file) == 0
           && S_ISSOCK(file.st_mode) && (uint32_t)file.st_ino == it->file;
}

/* Prints a path as it is, or quoted for the shell if it would do something to a terminal. */
static void print_path(const char *path)
{
    size_t size = strlen(path), length;
    bool is_plain = true;
    for (size_t i = 0; is_plain && i < size; i += length) {
        length = printable(path + i, size - i);
        is_plain = length != 0;
    }
    const char *before = path[0] == '@' ? "./" : "";
    if (is_plain) {
        printf("%s%s", before, path);
        return;
    }
    printf("$'%s", before);
    for (size_t i = 0; i < size; i += length) {
        length = printable(path + i, size - i);
        if (length == 0) printf("\\x%02x", (unsigned char)path[i]);
        else if (path[i] == '\\' || path[i] == '\'') printf("\\%c", path[i]);
        else fwrite(path + i, 1, length, stdout);
        if (length == 0) length = 1;
    }
    putchar('\'');
}

/* Prints the address as the text that reaches it. */
static void print_address(const entry *it)
{
    if (it->name_size == 0) return;
    if (it->name[0] != 0) {
        char name[sizeof it->name + 1], path[8192];
        memcpy(name, it->name, it->name_size);
        name[it->name_size] = 0;
        print_path(find_path(it, name, path, sizeof path) ? path : name);
        return;
    }
    putchar('@');
    size_t size = it->name_size;
    bool is_padded = size == sizeof ((struct sockaddr_un *)0)->sun_path && it->name[size - 1] == 0;
    while (is_padded && size > 1 && it->name[size - 1] == 0) size--;
    for (size_t i = 1; i < size; i++) {
        unsigned char byte = (unsigned char)it->name[i];
        if (byte == '\\') printf("\\\\");
        else if (byte == 0) printf("\\0");
        else if (byte > ' ' && byte < 127) putchar(byte);
        else printf("\\x%02x", byte);
    }
    if (is_padded) printf("\\z");
}

static void print_who(const entry *it)
{
    if (it->pid == 0) {
        printf("%-22s", "-");
        return;
    }
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) return;
    fprintf(out, "%d", it->pid);
    print_process(out, it->pid);
    fclose(out);
    printf("%-22s", text == NULL ? "-" : text);
    free(text);
}

static const char *state_of(const entry *it)
{
    if (it->state == LISTENING) return "listens";
    if (it->peer != 0 || it->state == ESTABLISHED) return "connected";
    return it->name_size > 0 ? "bound" : "-";
}

static void print_entry(const entry *it)
{
    char queue[32] = "-";
    const entry *peer = find(it->peer);
    if (it->state == LISTENING) {
        snprintf(queue, sizeof queue, "%u/%u", it->queue, it->limit + 1);
    }
    printf("%-9s %-9s %-9s ", kind_name(it->kind), state_of(it), queue);
    print_who(it);
    putchar(' ');
    if (peer != NULL) print_who(peer);
    else printf("%-22s", "-");
    putchar(' ');
    /* Most clients have no address; that of the server says where they lead. */
    if (it->name_size == 0 && peer != NULL && peer->name_size > 0) {
        printf("-> ");
        print_address(peer);
    } else if (it->name_size > 0) {
        print_address(it);
    } else {
        putchar('-');
    }
    putchar('\n');
}

static int help(void)
{
    printf("usage: udsock list [--listening]\n\n"
           "Lists the Unix sockets of this network namespace: kind, state, how many clients wait and\n"
           "how many may wait, a process that has the socket open, the process at the other end, and\n"
           "the address, as the text that reaches it (for a client, \"->\" and the address of its\n"
           "server). A \"-\" stands for what does not exist, or what this user may not see.\n\n"
           "  -l, --listening   servers only\n\n"
           "Exit status: 0; 2: wrong arguments; 3: the kernel's list can't be read.\n");
    return YES;
}

int list_command(int argc, char **argv)
{
    bool listening = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) return help();
        if (strcmp(argv[i], "--listening") != 0 && strcmp(argv[i], "-l") != 0) {
            return misused("list", "it takes no argument but --listening");
        }
        listening = true;
    }
    int error = ask_kernel();
    if (error != 0) {
        fprintf(stderr, "udsock list: the kernel's list of sockets (sock_diag): %s\n",
                strerror(error));
        return FAILED;
    }
    qsort(entries, count, sizeof *entries, by_inode);
    look_for_processes();
    printf("%-9s %-9s %-9s %-22s %-22s %s\n", "KIND", "STATE", "QUEUE", "PROCESS", "PEER",
           "ADDRESS");
    for (size_t i = 0; i < count; i++) {
        if (!listening || entries[i].state == LISTENING) print_entry(&entries[i]);
    }
    free(entries);
    return YES;
}
