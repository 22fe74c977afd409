#include "kernels/base/error.hpp"

namespace freshet {

std::string_view sentence(errc code) noexcept {
  switch (code) {
    case errc::io: return "the operating system refused the operation";
    case errc::not_found: return "it does not exist";
    case errc::corrupt: return "the bytes do not have the form they claim";
    case errc::truncated: return "the bytes end too early";
    case errc::too_large: return "the declared size is over the limit";
    case errc::unsupported: return "this version or kind is not known here";
    case errc::invalid_argument: return "the value is not accepted";
    case errc::shape_mismatch: return "tensor shapes or types do not fit";
    case errc::config: return "the document has problems";
    case errc::wrong_base: return "the update is for another base version";
    case errc::hash_mismatch: return "the result has not the promised hash";
    case errc::unavailable: return "the peer or resource is not available";
    case errc::timeout: return "no answer in time";
    case errc::overloaded: return "no credit or room is left";
    case errc::cancelled: return "it was stopped on request";
    case errc::internal: return "an internal fault was contained";
  }
  return "unknown error code";
}

std::string_view name(errc code) noexcept {
  switch (code) {
    case errc::io: return "io";
    case errc::not_found: return "not_found";
    case errc::corrupt: return "corrupt";
    case errc::truncated: return "truncated";
    case errc::too_large: return "too_large";
    case errc::unsupported: return "unsupported";
    case errc::invalid_argument: return "invalid_argument";
    case errc::shape_mismatch: return "shape_mismatch";
    case errc::config: return "config";
    case errc::wrong_base: return "wrong_base";
    case errc::hash_mismatch: return "hash_mismatch";
    case errc::unavailable: return "unavailable";
    case errc::timeout: return "timeout";
    case errc::overloaded: return "overloaded";
    case errc::cancelled: return "cancelled";
    case errc::internal: return "internal";
  }
  return "unknown";
}

std::string error::text() const {
  std::string out = context;
  if (!out.empty()) out += ": ";
  out += sentence(code);
  return out;
}

}  // namespace freshet
