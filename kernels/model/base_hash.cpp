#include "kernels/model/base_hash.hpp"

#include <xxhash.h>

namespace freshet::model {

base_hasher::base_hasher() : state_(XXH3_createState()) { XXH3_64bits_reset(static_cast<XXH3_state_t*>(state_)); }

base_hasher::~base_hasher() { XXH3_freeState(static_cast<XXH3_state_t*>(state_)); }

void base_hasher::add(const std::string& name, const std::vector<std::int64_t>& shape, const host_tensor& values) {
  auto* state = static_cast<XXH3_state_t*>(state_);
  XXH3_64bits_update(state, name.data(), name.size());
  XXH3_64bits_update(state, shape.data(), shape.size() * sizeof(std::int64_t));
  XXH3_64bits_update(state, values.data(), values.bytes());
}

std::uint64_t base_hasher::digest() const { return XXH3_64bits_digest(static_cast<XXH3_state_t*>(state_)); }

}  // namespace freshet::model
