/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/nats_server.h"

#include "common/base/clock.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum
{
    START_MS = 20000,
    PATH_SIZE = 160
};

struct nats_server
{
    pid_t pid;
    int port;
    char folder[64];
    char config[PATH_SIZE];
    char log[PATH_SIZE];
    char url[96];
    char op[96];
};

static void die(const char *what)
{
    perror(what);
    abort();
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int free_port(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        die("free port");
    close(fd);
    return ntohs(address.sin_port);
}

static bool listens(int port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool up = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return up;
}

static void write_config(const struct nats_server *server, const char *password, const char *rules)
{
    FILE *file = fopen(server->config, "we");
    if (file == NULL)
        die(server->config);
    fprintf(file,
            "listen: 127.0.0.1:%d\nlog_file: \"%s\"\n"
            "jetstream { store_dir: \"%s\", max_file_store: 8GB, max_memory_store: 64MB }\n"
            "authorization { users = [ { user: op, password: \"" NATS_SERVER_PASSWORD "\" },\n"
            "                          { user: us, password: \"%s\", %s } ] }\n",
            server->port, server->log, server->folder, password, rules);
    fclose(file);
}

static void become_nats(const struct nats_server *server)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execlp("nats-server", "nats-server", "-c", server->config, (char *)NULL);
    execl("/usr/sbin/nats-server", "nats-server", "-c", server->config, (char *)NULL);
    _exit(127);
}

static void start(struct nats_server *server)
{
    int64_t until_ms = clock_mono_ms() + START_MS;
    server->pid = fork();
    if (server->pid < 0)
        die("fork");
    if (server->pid == 0)
        become_nats(server);
    while (!listens(server->port))
    {
        if (clock_mono_ms() > until_ms || waitpid(server->pid, NULL, WNOHANG) != 0)
            die("nats-server does not start");
        poll(NULL, 0, 10);
    }
}

struct nats_server *nats_server_new(void)
{
    struct nats_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        die("calloc");
    server->port = free_port();
    snprintf(server->folder, sizeof server->folder, "/tmp/sokoul-nats-XXXXXX");
    if (mkdtemp(server->folder) == NULL)
        die("mkdtemp");
    snprintf(server->config, sizeof server->config, "%s/nats.conf", server->folder);
    snprintf(server->log, sizeof server->log, "%s/nats.log", server->folder);
    snprintf(server->url, sizeof server->url, "nats://us:" NATS_SERVER_PASSWORD "@127.0.0.1:%d",
             server->port);
    snprintf(server->op, sizeof server->op, "nats://op:" NATS_SERVER_PASSWORD "@127.0.0.1:%d", server->port);
    write_config(server, NATS_SERVER_PASSWORD, "");
    start(server);
    return server;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void nats_server_free(struct nats_server *server)
{
    if (server == NULL)
        return;
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    nftw(server->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(server);
}

void nats_server_freeze(struct nats_server *server)
{
    int status;
    kill(server->pid, SIGSTOP);
    waitpid(server->pid, &status, WUNTRACED);
}

void nats_server_thaw(struct nats_server *server)
{
    kill(server->pid, SIGCONT);
}

void nats_server_rule(struct nats_server *server, const char *password, const char *rules)
{
    write_config(server, password, rules);
    kill(server->pid, SIGHUP);
}

const char *nats_server_url(const struct nats_server *server)
{
    return server->url;
}

const char *nats_server_op(const struct nats_server *server)
{
    return server->op;
}

int nats_server_refusals(const struct nats_server *server)
{
    char line[512];
    int count = 0;
    FILE *file = fopen(server->log, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        count += strstr(line, "authentication error") != NULL;
    if (file != NULL)
        fclose(file);
    return count;
}
