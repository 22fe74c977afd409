// A version by number and by what its values hash to: numbers alone may have two meanings, when a
// distiller lost its state. Plain values.
#pragma once

#include "kernels/base/ids.hpp"

#include <string>
#include <tuple>

namespace freshet::actors {

struct version_place {
  version number;
  content_hash hash;
  friend bool operator==(const version_place& a, const version_place& b) {
    return a.number == b.number && a.hash == b.hash;
  }
  friend bool operator!=(const version_place& a, const version_place& b) { return !(a == b); }
  friend bool operator<(const version_place& a, const version_place& b) {
    return std::tie(a.number, a.hash) < std::tie(b.number, b.hash);
  }
};

}  // namespace freshet::actors
