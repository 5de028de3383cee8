/* What readers share: the newest tree, and memories of blocks opened under it, one a reader. Both
 * are dropped when nobody has read for a while. */
#include <malloc.h>
#include <stdlib.h>

#include "node/node_parts.h"
#include "replication/rows/block_memory.h"

static struct shared_tree *take_shared(struct node *node, uint64_t stamp, struct view *view)
{
    uv_mutex_lock(&node->read_mutex);
    struct shared_tree *shared = node->shared_tree;
    if (shared != NULL && shared->stamp == stamp) {
        shared->users++;
        if (shared->memory_count > 0)
            view->memory = shared->memories[--shared->memory_count];
    } else {
        shared = NULL;
    }
    uv_mutex_unlock(&node->read_mutex);
    return shared;
}

struct shared_tree *node_read_tree(struct node *node, struct view *view, struct error *error)
{
    uint64_t stamp = query_tree_stamp(view);
    struct shared_tree *shared = take_shared(node, stamp, view);
    if (shared == NULL) {
        struct tree *tree = query_tree(view, &node->config.tree_id, error);
        if (tree == NULL)
            return NULL;
        tree_set_seal_key(tree, &node->seal);
        shared = mem_alloc(sizeof *shared);
        *shared = (struct shared_tree){.tree = tree, .stamp = stamp, .users = 1};
    }
    if (view->memory == NULL)
        view->memory = block_memory_new(BLOCK_MEMORY_BYTES_USUAL);
    return shared;
}

static void tree_free_shared(struct shared_tree *shared)
{
    if (shared == NULL)
        return;
    while (shared->memory_count > 0)
        block_memory_free(shared->memories[--shared->memory_count]);
    tree_free(shared->tree);
    free(shared);
}

/* The newest one is kept for the next reader. */
void node_read_tree_release(struct node *node, struct shared_tree *shared, struct view *view)
{
    struct shared_tree *dead = NULL;
    struct block_memory *memory = view->memory;
    view->memory = NULL;
    uv_mutex_lock(&node->read_mutex);
    shared->users--;
    if (shared->memory_count < TREE_MEMORIES) {
        shared->memories[shared->memory_count++] = memory;
        memory = NULL;
    }
    if (node->shared_tree != shared) {
        struct shared_tree *kept = node->shared_tree;
        bool newer = kept == NULL || (kept->users == 0 && kept->stamp != shared->stamp);
        if (newer && shared->users == 0) {
            node->shared_tree = shared;
            dead = kept;
        } else if (shared->users == 0) {
            dead = shared;
        }
    }
    uv_mutex_unlock(&node->read_mutex);
    block_memory_free(memory);
    tree_free_shared(dead);
}

void node_read_drop_cache(struct node *node)
{
    uv_mutex_lock(&node->read_mutex);
    struct shared_tree *shared = node->shared_tree;
    if (shared != NULL && shared->users == 0)
        node->shared_tree = NULL;
    else
        shared = NULL;
    uv_mutex_unlock(&node->read_mutex);
    tree_free_shared(shared);
}

void node_read_cache_timer(uv_timer_t *timer)
{
    node_read_drop_cache(timer->data);
    malloc_trim(0);
}
