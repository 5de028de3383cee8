"""The house as the rules see it: which room may know which, and which library lives where.

One way only: base <- schema <- topology <- replication <- {node, sim} <- cli <- bench; page stands
beside the core, for the rooms that leave pages for people. Inside node
the rooms don't know each other, except that link hears of the loop's inbox; node's own files know
all.
"""
from typing import NamedTuple


class Room(NamedTuple):
    knows: tuple  # rooms whose headers it may include besides its own
    libraries: tuple = ()  # of LIBRARIES
    imports: tuple = ()  # pure rooms only: symbols of these libraries that it may call


PURE = ('base', 'schema', 'topology', 'replication')
SIM = ('sim/world', 'sim/check', 'sim/scenario', 'sim/run', 'sim/swarm', 'sim/report')
NODE = ('node/store', 'node/loop', 'node/link', 'node/author', 'node/api', 'node/sql')

ROOMS = {
    'base': Room((), ('sodium', 'msgpack', 'yaml'), (
        'sodium_init', 'sodium_memcmp', 'sodium_memzero', 'crypto_core_ed25519_is_valid_point',
        'crypto_aead_chacha20poly1305_ietf_decrypt', 'crypto_aead_chacha20poly1305_ietf_encrypt',
        'crypto_scalarmult', 'crypto_scalarmult_base',
        'crypto_generichash_blake2b_final', 'crypto_generichash_blake2b_init_salt_personal',
        'crypto_generichash_blake2b_salt_personal', 'crypto_generichash_blake2b_update',
        'crypto_sign_detached', 'crypto_sign_seed_keypair', 'crypto_sign_verify_detached',
        'yaml_document_delete', 'yaml_event_delete', 'yaml_parser_delete',
        'yaml_parser_initialize', 'yaml_parser_load', 'yaml_parser_parse',
        'yaml_parser_set_input_string')),
    'schema': Room(('base',), ('pcre2',), (
        'pcre2_code_free_8', 'pcre2_compile_8', 'pcre2_get_error_message_8', 'pcre2_match_8',
        'pcre2_match_context_create_8', 'pcre2_match_context_free_8',
        'pcre2_match_data_create_8', 'pcre2_match_data_free_8', 'pcre2_set_depth_limit_8',
        'pcre2_set_heap_limit_8', 'pcre2_set_match_limit_8')),
    'topology': Room(('base', 'schema'), ('csv', 'uthash'),
                     ('csv_fini', 'csv_free', 'csv_init', 'csv_parse')),
    'replication': Room(('base', 'schema', 'topology'), ('zstd', 'uthash'), (
        'ZSTD_compress', 'ZSTD_compressBound', 'ZSTD_decompress',
        'ZSTD_findFrameCompressedSize', 'ZSTD_getFrameContentSize', 'ZSTD_isError')),
    # sodium: the checksum of the high-water file, randomness for keys, handshakes and seeds.
    'node/store': Room(PURE, ('lmdb', 'sodium')),
    'node/loop': Room(('base',), ('uv',)),
    'node/link': Room(('base', 'node/loop'), ('nng', 'uv', 'sodium')),
    'node/author': Room(PURE, ('sodium',)),
    'node/api': Room(('base',), ('uv',)),
    'node/sql': Room(PURE, ('sqlite',)),
    'node': Room(PURE + NODE, ('uv', 'sodium')),
    'page': Room(('base',), ('jansson', 'zstd')),
    'sim/world': Room(PURE, ('bsd', 'uthash')),
    'sim/check': Room(PURE + ('sim/world',), ('uthash',)),
    'sim/scenario': Room(PURE + ('sim/world',), ('yaml', 'csv', 'uthash')),
    'sim/run': Room(PURE + ('sim/world', 'sim/check', 'sim/scenario')),
    'sim/swarm': Room(PURE + ('sim/world', 'sim/check', 'sim/scenario', 'sim/run')),
    'sim/report': Room(PURE + ('page', 'sim/world', 'sim/check', 'sim/scenario', 'sim/run'),
                       ('jansson', 'uthash')),
    'cli': Room(PURE + NODE + ('node', 'page') + SIM,
                ('jansson', 'csv', 'qrencode', 'uthash', 'edit')),
    'bench': Room(('base', 'topology', 'node/api', 'cli', 'sim/world')),
    'bench/limit': Room(('base', 'bench'), ('lmdb', 'msgpack', 'sodium', 'zstd')),
    'bench/nats': Room(('base', 'bench'), ('nats',)),
}

# Whose header is it? Ends with / : every header below it.
LIBRARIES = {
    'sodium.h': 'sodium', 'sodium/': 'sodium', 'msgpack.h': 'msgpack', 'msgpack/': 'msgpack',
    'yaml.h': 'yaml',
    'pcre2.h': 'pcre2', 'csv.h': 'csv', 'uthash.h': 'uthash', 'utlist.h': 'uthash',
    'zstd.h': 'zstd', 'zstd_errors.h': 'zstd', 'lmdb.h': 'lmdb', 'sqlite3.h': 'sqlite',
    'editline/': 'edit', 'uv.h': 'uv', 'nng/': 'nng',
    'bsd/': 'bsd', 'jansson.h': 'jansson', 'qrencode.h': 'qrencode',
    'cmocka.h': 'cmocka', 'nats/': 'nats',
}

# Compiled only where its library is: no build of the tests needs it.
OPTIONAL = ('bench/nats',)

# The language's own headers: all that a pure room needs.
LANGUAGE = frozenset('assert.h inttypes.h limits.h stdalign.h stdarg.h stdatomic.h stdbool.h '
                     'stddef.h stdint.h stdio.h stdlib.h string.h'.split())

# The system's, for the rooms that touch the world.
SYSTEM = LANGUAGE | frozenset(
    'ctype.h dirent.h errno.h fcntl.h ftw.h getopt.h langinfo.h locale.h malloc.h math.h netdb.h '
    'poll.h pthread.h pty.h sched.h setjmp.h signal.h spawn.h strings.h termios.h time.h unistd.h '
    'utmp.h wchar.h'.split())
SYSTEM_FOLDERS = ('arpa/', 'linux/', 'netinet/', 'sys/')

# What a pure room may import of the C library: memory, text, sorting, and how a bug ends.
PURE_IMPORTS = frozenset(
    'abort bsearch calloc free malloc memchr memcmp memcpy memmove memset qsort realloc snprintf '
    'strchr strcmp strlen strncmp strnlen strrchr strstr vsnprintf __assert_fail '
    '__stack_chk_fail _GLOBAL_OFFSET_TABLE_'.split())
# What compilers add to them: division of 128 bits, sanitizers.
ADDED_IMPORTS = ('__divti3', '__asan_', '__ubsan_', '__tsan_', '__sanitizer_')


def room_of(path):
    """The room of a path, None outside the house (tests, docs)."""
    folder = path.rpartition('/')[0]
    while folder and folder not in ROOMS:
        folder = folder.rpartition('/')[0]
    return folder or None


def library_of(header):
    for name, library in LIBRARIES.items():
        if header == name or (name.endswith('/') and header.startswith(name)):
            return library
    return None
