#include "kernels/model/scratch_file.hpp"

#include "tests/support/file_size_limit.hpp"
#include "tests/support/temporary_folder.hpp"

#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace freshet::model {
namespace {

TEST(scratch_file, keeps_what_is_written_in_parts_and_has_no_name) {
  const test::temporary_folder folder;
  const auto file = *scratch_file::make(folder.path());
  ASSERT_TRUE(file->append("hello ", 6).ok());
  ASSERT_TRUE(file->append("world", 5).ok());
  ASSERT_TRUE(file->overwrite(0, "J", 1).ok());
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(*file->map()), file->bytes()), "Jello world");
  ASSERT_TRUE(file->append("!", 1).ok());
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(*file->map()), file->bytes()), "Jello world!");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "gone with the process, whatever ends it";
}

TEST(scratch_file, a_tensor_of_it_outlives_it_and_its_folder) {
  host_tensor values;
  {
    const test::temporary_folder folder;
    const auto file = *scratch_file::make(folder.path());
    ASSERT_TRUE(file->reserve(4096 * sizeof(float)).ok());
    auto* at = reinterpret_cast<float*>(*file->map());
    for (int i = 0; i < 4096; ++i) at[i] = static_cast<float>(i);
    values = file->as_tensor(dtype::f32);
  }
  ASSERT_EQ(values.items(), 4096U);
  for (int i = 0; i < 4096; ++i) ASSERT_EQ(values.as<float>()[i], static_cast<float>(i));
}

TEST(scratch_file, room_that_is_not_there_is_an_error_before_anything_is_mapped) {
  const test::temporary_folder folder;
  EXPECT_EQ(scratch_file::make(folder / "nowhere").err().code, errc::io);
  const auto file = *scratch_file::make(folder.path());
  const test::file_size_limit full(100'000);
  const auto said = file->reserve(200'000);
  ASSERT_FALSE(said.ok());
  EXPECT_NE(said.err().context.find("reserve 200000 bytes"), std::string::npos) << said.err().text();
  EXPECT_FALSE(file->append(std::vector<char>(200'000).data(), 200'000).ok());
}

}  // namespace
}  // namespace freshet::model
