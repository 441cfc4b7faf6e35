// keeps keelson_api a library until its first source is here
