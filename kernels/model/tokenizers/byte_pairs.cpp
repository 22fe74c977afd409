#include "kernels/model/tokenizers/byte_pairs.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace freshet::model {
namespace {

// Words up to this long are scanned for their best pair each time; a heap costs more than it saves there.
constexpr std::size_t short_word = 24;

std::uint64_t key_of(std::int32_t left, std::int32_t right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
}

std::uint64_t mixed(std::uint64_t key) {
  key ^= key >> 32;
  return key * 0x9e3779b97f4a7c15ULL;
}

struct later {
  bool operator()(const byte_pairs::queued& a, const byte_pairs::queued& b) const {
    return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
  }
};

}  // namespace

byte_pairs::byte_pairs(const std::vector<merge>& merges) {
  int bits = 4;
  while ((std::size_t{1} << bits) < merges.size() * 2) ++bits;
  slots_.resize(std::size_t{1} << bits);
  shift_ = 64 - bits;
  std::int32_t rank = -1;
  for (const merge& m : merges) {
    if (!m.ties || rank < 0) ++rank;
    const std::uint64_t key = key_of(m.left, m.right);
    std::size_t at = mixed(key) >> shift_;
    while (slots_[at].key != empty && slots_[at].key != key) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {key, rank, m.result};
  }
}

const byte_pairs::slot* byte_pairs::find(std::int32_t left, std::int32_t right) const {
  const std::uint64_t key = key_of(left, right);
  for (std::size_t at = mixed(key) >> shift_;; at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].key == key) return &slots_[at];
    if (slots_[at].key == empty) return nullptr;
  }
}

void byte_pairs::apply_short(std::int32_t* ids, std::size_t& count) const {
  std::array<const slot*, short_word> pair{};
  for (std::size_t i = 0; i + 1 < count; ++i) pair[i] = find(ids[i], ids[i + 1]);
  while (count > 1) {
    std::int32_t best_rank = std::numeric_limits<std::int32_t>::max();
    std::size_t best = count;
    for (std::size_t i = 0; i + 1 < count; ++i) {
      if (pair[i] != nullptr && pair[i]->rank < best_rank) {
        best_rank = pair[i]->rank;
        best = i;
      }
    }
    if (best == count) return;
    ids[best] = pair[best]->result;
    std::copy(ids + best + 2, ids + count, ids + best + 1);
    --count;
    std::copy(pair.begin() + static_cast<std::ptrdiff_t>(best) + 1, pair.begin() + static_cast<std::ptrdiff_t>(count),
              pair.begin() + static_cast<std::ptrdiff_t>(best));
    if (best > 0) pair[best - 1] = find(ids[best - 1], ids[best]);
    pair[best] = best + 1 < count ? find(ids[best], ids[best + 1]) : nullptr;
  }
}

void byte_pairs::apply_long(std::int32_t* ids, std::size_t& count, scratch& buffers) const {
  // Symbols are a list: before and after hold neighbours, -1 where there is none; a symbol that went into its
  // left neighbour has the id -1.
  const auto size = static_cast<std::int32_t>(count);
  auto& heap = buffers.heap;
  auto& before = buffers.before;
  auto& after = buffers.after;
  heap.clear();
  before.resize(count);
  after.resize(count);
  for (std::int32_t i = 0; i < size; ++i) {
    before[static_cast<std::size_t>(i)] = i - 1;
    after[static_cast<std::size_t>(i)] = i + 1 < size ? i + 1 : -1;
  }
  const auto pair_at = [&](std::int32_t at) -> const slot* {
    const std::int32_t right = after[static_cast<std::size_t>(at)];
    return right < 0 ? nullptr : find(ids[at], ids[right]);
  };
  for (std::int32_t i = 0; i + 1 < size; ++i) {
    if (const slot* p = pair_at(i)) heap.push_back({p->rank, i, p->result});
  }
  std::make_heap(heap.begin(), heap.end(), later{});
  const auto push = [&](std::int32_t at) {
    const slot* p = pair_at(at);
    if (p == nullptr) return;
    heap.push_back({p->rank, at, p->result});
    std::push_heap(heap.begin(), heap.end(), later{});
  };
  while (!heap.empty()) {
    const queued next = heap.front();
    std::pop_heap(heap.begin(), heap.end(), later{});
    heap.pop_back();
    if (ids[next.at] < 0) continue;
    // What stood there when it was queued may have been merged since.
    const slot* p = pair_at(next.at);
    if (p == nullptr || p->rank != next.rank || p->result != next.result) continue;
    const std::int32_t right = after[static_cast<std::size_t>(next.at)];
    ids[next.at] = next.result;
    ids[right] = -1;
    const std::int32_t beyond = after[static_cast<std::size_t>(right)];
    after[static_cast<std::size_t>(next.at)] = beyond;
    if (beyond >= 0) before[static_cast<std::size_t>(beyond)] = next.at;
    if (before[static_cast<std::size_t>(next.at)] >= 0) push(before[static_cast<std::size_t>(next.at)]);
    push(next.at);
  }
  count = static_cast<std::size_t>(std::remove(ids, ids + size, -1) - ids);
}

void byte_pairs::apply(std::vector<std::int32_t>& ids, std::size_t from, scratch& buffers) const {
  std::size_t count = ids.size() - from;
  if (count < 2 || slots_.empty()) return;
  if (count <= short_word) {
    apply_short(ids.data() + from, count);
  } else {
    apply_long(ids.data() + from, count, buffers);
  }
  ids.resize(from + count);
}

}  // namespace freshet::model
