#include "actors/offer_content.hpp"

#include <xxhash.h>

namespace freshet::actors {

content_hash hash_content(const std::uint8_t* bytes, std::size_t count) {
  return content_hash(XXH3_64bits(bytes, count));
}

}  // namespace freshet::actors
