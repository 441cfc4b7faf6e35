// keeps keelson_store a library until its first source is here
