/* A target with a fault, one change away from the only file of its corpus: what the replay must
 * find, or it finds nothing. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NAME_BYTES = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t name[NAME_BYTES] = {'n', 'a', 'm', 'e'};
    if (size < NAME_BYTES || memcmp(data, name, NAME_BYTES) != 0)
        return 0;
    assert(size < NAME_BYTES + 2 || data[NAME_BYTES] != 0xff); /* an edge of a length */
    return 0;
}
