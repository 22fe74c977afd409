#include "kernels/delta/compress.hpp"

#include <string>

#include <zstd.h>

namespace freshet::delta {

result<std::vector<std::uint8_t>> zstd_pack(byte_view bytes, int level) {
  if (level < 1 || level > ZSTD_maxCLevel()) {
    return error{errc::invalid_argument,
                 "zstd level " + std::to_string(level) + "; 1 to " + std::to_string(ZSTD_maxCLevel()) + " are right"};
  }
  std::vector<std::uint8_t> out(ZSTD_compressBound(bytes.size));
  const std::size_t used = ZSTD_compress(out.data(), out.size(), bytes.data, bytes.size, level);
  if (ZSTD_isError(used) != 0) return error{errc::internal, std::string("zstd: ") + ZSTD_getErrorName(used)};
  out.resize(used);
  return out;
}

result<std::vector<std::uint8_t>> zstd_unpack(byte_view frame, std::uint64_t size) {
  const unsigned long long declared = ZSTD_getFrameContentSize(frame.data, frame.size);
  if (declared == ZSTD_CONTENTSIZE_ERROR || declared == ZSTD_CONTENTSIZE_UNKNOWN || declared != size) {
    return error{errc::corrupt, "a zstd frame that declares " + std::to_string(size) + " bytes belongs here"};
  }
  if (ZSTD_findFrameCompressedSize(frame.data, frame.size) != frame.size) {
    return error{errc::corrupt, "the zstd frame must fill its " + std::to_string(frame.size) + " bytes"};
  }
  std::vector<std::uint8_t> out(static_cast<std::size_t>(size));
  const std::size_t used = ZSTD_decompress(out.data(), out.size(), frame.data, frame.size);
  if (ZSTD_isError(used) != 0) return error{errc::corrupt, std::string("zstd: ") + ZSTD_getErrorName(used)};
  if (used != size) return error{errc::corrupt, "the zstd frame holds " + std::to_string(used) + " bytes"};
  return out;
}

}  // namespace freshet::delta
