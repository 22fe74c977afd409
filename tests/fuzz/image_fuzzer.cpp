// PNG and JPEG: pictures within limits, or an error.
#include "kernels/base/check.hpp"
#include "kernels/scenes/image_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace freshet;
  const auto picture = scenes::decode_image(data, size);
  if (!picture.ok()) FRESHET_ENSURE(!picture.err().context.empty(), "an error must say what is wrong");
  return 0;
}
